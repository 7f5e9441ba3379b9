"""The metrics of one network, as tidy rows, from its statistics (collapse.statistics.network)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from collapse.metrics import entries
from collapse.metrics.groups import Groups
from collapse.metrics.head_rows import head_rows
from collapse.metrics.metric import Metric
from collapse.metrics.row import At, Row
from collapse.metrics.variability import global_mean
from collapse.recipe import Recipe

Statistics = dict[str, np.ndarray]


def network_rows(
    tensors: Statistics,
    layers: Sequence[str],
    inside: Sequence[str] = (),
    recipe: Recipe | None = None,
    groups: Groups | None = None,
    per_class: bool = False,
) -> Iterator[Row]:
    """Rows of every metric that applies; the rows of layers come in order of depth.

    `layers` names the measured layers in order of depth; `inside` names them and the layers inside them, if there are
    any. A decay is fitted over each of the two lists.
    With the `recipe` of a deep linear head's training, the head's distances from its optimum are measured too.
    `groups`: slices of classes, by name, for geometry, accuracy and loss; None: all classes at once.
    `per_class`: add the metrics of each class.
    """
    products = below(tensors, "head/product")
    groups = groups or {"all": slice(None)}
    if "head/classifier" in tensors:
        weight = tensors["head/classifier"]
        yield from classifier_rows(weight)
        yield from classifier_group_rows(weight, groups)
        yield from product_rows(products["features"])
        yield from At("-", "classifier", "-").class_rows(entries.OF_CLASSIFIERS, {"rows": weight}) if per_class else ()
    fitted: dict[tuple[str, str, str], dict[str, float]] = {}  # D by layer
    for (split, bn_mode, layer), found in layer_statistics(tensors, [*(inside or layers)]).items():
        at = At(split, layer, bn_mode)
        rows = list(layer_rows(found, at))
        for row in rows:
            if row.metric in entries.DECAYS:
                fitted.setdefault((split, bn_mode, row.metric), {})[layer] = row.value
        yield from rows
        if "mean" in found:
            yield from group_rows(found, groups, at)
        yield from layer_class_rows(found, products.get(layer), at) if per_class else ()
        if layer in products and "mean" in found:
            yield from duality_rows(found, products[layer], at)
        if layer == "features" and bn_mode == "eval" and "features" in products:
            yield from bias_rows(found, products["features"], tensors["head/bias"], at)
            if split == "train" and recipe is not None:
                yield from head_rows(tensors, recipe)
    orders = {"layers": layers} | ({"layers_inside": inside} if len(inside) > len(layers) else {})
    for (split, bn_mode, metric), values in fitted.items():
        for name, order in orders.items():
            known = [layer for layer in order if layer in values]
            if known:
                middle = known.index(layers[len(layers) // 2])
                at = At(split, name, bn_mode)
                yield from decay_rows(entries.DECAYS[metric], [values[layer] for layer in known], middle, at)
    for split in ("train", "held_out", "held_out_noisy", "test"):
        if f"{split}/answers/count" in tensors:
            yield from answer_rows(below(tensors, f"{split}/answers"), split, groups, per_class)
    if "other/mean" in tensors:
        given = {"means": tensors["train/eval/features/mean"], "other": tensors["other/mean"]}
        yield from At("train", "features", "eval").rows(entries.OTHER_DATA, given)
    if "test/perturbation/fooled" in tensors:
        yield from At("test", "network", "eval").rows(entries.PERTURBATION, below(tensors, "test/perturbation"))
    if "train/corruption/count" in tensors:
        yield from corruption_rows(tensors)
    if "train/true_labels/count" in tensors:
        yield from At("train", "features", "eval").rows(entries.BY_TRUE_LABELS, below(tensors, "train/true_labels"))


def layer_statistics(tensors: Statistics, order: list[str]) -> dict[tuple[str, str, str], Statistics]:
    """Statistics of every layer, by (split, bn_mode, layer); layers in `order` come first, as files sort by name."""
    parts = (name.split("/") for name in tensors if name.endswith("/coordinates"))
    keys = {(split, bn_mode, layer) for split, bn_mode, layer, *_ in parts if bn_mode in ("eval", "train")}
    depth = {layer: number for number, layer in enumerate(order)}
    ordered = sorted(keys, key=lambda key: (*key[:2], depth.get(key[2], len(depth)), key[2]))
    return {key: below(tensors, "/".join(key)) for key in ordered}


def classifier_rows(weight: np.ndarray) -> Iterator[Row]:
    """Geometry of the classifier (K, d)."""
    yield from map_rows(At("-", "classifier", "-"), weight)


def classifier_group_rows(weight: np.ndarray, groups: Groups) -> Iterator[Row]:
    """Geometry of the classifier's rows (K, d) in each group of classes."""
    for name, group in groups.items():
        at, given = At("-", "classifier", "-", name), {"rows": weight[group]}
        if name != "all" and len(weight[group]) > 1:
            yield from at.rows(entries.GEOMETRY, given)
        yield from at.rows(entries.WEIGHT_ENERGY, given)


def product_rows(product: np.ndarray) -> Iterator[Row]:
    """Geometry of the head's linear map (K, d) from features to logits; a one-layer head's map is its classifier."""
    yield from map_rows(At("-", "head", "-"), product)


def map_rows(at: At, rows: np.ndarray) -> Iterator[Row]:
    """Geometry of the rows (K, d) of a linear map to logits."""
    yield from at.rows(entries.LINEAR_MAP, {"rows": rows})
    yield from at.rows(entries.ROW_CENTRED, {"rows": rows - rows.mean(0)})


def layer_rows(found: Statistics, at: At) -> Iterator[Row]:
    """Variability of a layer, and the geometry of its class means."""
    yield from at.rows(entries.VARIABILITY, found)
    coordinates = found["coordinates"]  # the origin is the mean of the class means
    yield from at.rows(entries.CENTRED | entries.SPECTRUM, {"rows": coordinates})
    sample_centred = coordinates - global_mean(coordinates, found["count"])
    yield from at.rows(entries.GEOMETRY | entries.SHAPE, {"rows": sample_centred})


def group_rows(found: Statistics, groups: Groups, at: At) -> Iterator[Row]:
    """Geometry of groups of class means, centred by the sample mean of all classes (Fang et al. 2021, code)."""
    centre = global_mean(found["coordinates"], found["count"])
    for name, group in groups.items():
        here, means = at._replace(classes=name), found["coordinates"][group]
        if name != "all" and len(means) > 1:
            yield from here.rows(entries.GEOMETRY, {"rows": means - centre})
        given = {"means": means, "trace": found["trace"][group], "centre": centre}
        yield from here.rows(entries.FEATURE_ENERGY, given)


def layer_class_rows(found: Statistics, weights: np.ndarray | None, at: At) -> Iterator[Row]:
    """Metrics of each class of a layer; the cosine needs the weights (K, d) behind the layer, and its class means."""
    # Coordinates are the class means, centred and rotated: rotation keeps norms.
    given = {
        "centred": found["coordinates"] - global_mean(found["coordinates"], found["count"]),
        "trace": found["trace"],
        "count": found["count"],
    }
    if weights is not None and "mean" in found:
        given |= {"weights": weights, "centred_means": found["mean"] - global_mean(found["mean"], found["count"])}
    return at.class_rows(entries.OF_CLASSES, given)


def duality_rows(found: Statistics, weights: np.ndarray, at: At) -> Iterator[Row]:
    """Duality of the weights (K, d) behind a layer and the layer's class means."""
    means, count = found["mean"], found["count"]
    present = means[count > 0]
    given = {
        "weights": weights,
        "means": means,
        "centred": means - global_mean(means, count),
        "class_centred": means - (present.mean(0) if len(present) else np.nan),
    }
    yield from at.rows(entries.ORTHOGONALITY, {"rows": means})
    yield from at.rows(entries.DUALITY, given)


def bias_rows(found: Statistics, product: np.ndarray, bias: np.ndarray, at: At) -> Iterator[Row]:
    """NC4 (whether the bias cancels the logits of the mean feature), the margin, and the energy of raw features."""
    given = {"weights": product, "bias": bias, "mean": global_mean(found["mean"], found["count"])}
    given |= {"means": found["mean"], "trace": found["trace"], "origin": np.zeros(found["mean"].shape[1])}
    return at.rows(entries.BIAS | entries.RAW_ENERGY | entries.MARGIN, given)


def decay_rows(metrics: Mapping[str, Metric], fuzziness: list[float], middle: int, at: At) -> Iterator[Row]:
    """Decay of D over the layers in order: fitted by one line, and by two lines that share the layer `middle`."""
    given = {"fuzziness": fuzziness, "first": fuzziness[: middle + 1], "second": fuzziness[middle:]}
    return at.rows(metrics, given)


def answer_rows(found: Statistics, split: str, groups: Groups, per_class: bool = False) -> Iterator[Row]:
    """Accuracy and loss of each group, and calibration of all classes; with `per_class`, accuracy of each class."""
    counts = {name: found[name] for name in ("correct", "loss", "count")}
    for name, group in groups.items():
        of_group = {name: counted[group] for name, counted in counts.items()}
        yield from At(split, "network", "eval", name).rows(entries.ANSWERS, of_group)
    # Without latent classes there is nothing to merge.
    yield from At(split, "network", "eval").rows(entries.MERGED, {"correct_merged": found["correct"]} | found)
    yield from At(split, "network", "eval").rows(entries.CALIBRATION, found)
    for c in range(len(found["count"])) if per_class else ():
        of_class = {name: counted[c : c + 1] for name, counted in counts.items()}
        yield from At(split, "network", "eval", str(c)).rows(entries.ACCURACY, of_class)


def corruption_rows(tensors: Statistics) -> Iterator[Row]:
    """Memorization metrics of the train samples whose label was changed."""
    given = {
        **below(tensors, "train/corruption"),
        "means": tensors["test/eval/features/mean"],
        "samples": int(tensors["train/answers/count"].sum()),
    }
    return At("train", "features", "eval").rows(entries.CORRUPTION, given)


def below(tensors: Statistics, prefix: str) -> Statistics:
    """The tensors whose names begin with <prefix>/, by the rest of their names."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
