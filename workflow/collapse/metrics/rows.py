"""The metrics of one network, as tidy rows, from its statistics (collapse.statistics.network)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from collapse.metrics import answers, duality, geometry, memorization, orthogonal_frame, variability
from collapse.metrics.groups import Groups
from collapse.metrics.layers import Decay, decay, two_segment_error
from collapse.metrics.names import ORTHOGONAL_FRAME
from collapse.metrics.per_class import class_rows, classifier_class_rows
from collapse.metrics.row import At, Metric, Row
from collapse.recipe import Recipe
from collapse.theory import deep_linear

Statistics = dict[str, np.ndarray]

GEOMETRY: dict[str, Metric] = {
    "cosine_mean": geometry.cosine_mean,
    "equiangularity": geometry.equiangularity,
    "equiangularity_unbiased": partial(geometry.equiangularity, ddof=1),
    "maximal_angle": geometry.maximal_angle,
    "equinorm": geometry.equinorm,
    "equinorm_unbiased": partial(geometry.equinorm, ddof=1),
}

SHAPE: dict[str, Metric] = {
    "nc2": geometry.etf_distance,
    "effective_rank": geometry.effective_rank,
    "uniformity_log_mean": lambda rows: geometry.uniformity(rows)[0],
    "uniformity_log_variance": lambda rows: geometry.uniformity(rows)[1],
    "uniformity_riesz_mean": lambda rows: geometry.uniformity(rows, "riesz")[0],
    "uniformity_riesz_variance": lambda rows: geometry.uniformity(rows, "riesz")[1],
    "uniformity_distance_mean": lambda rows: geometry.uniformity(rows, "distance")[0],
    "uniformity_distance_variance": lambda rows: geometry.uniformity(rows, "distance")[1],
}

FUZZINESS = ("separation_fuzziness", "separation_fuzziness_principal")  # to which the law is fitted

LINEAR_MAP = GEOMETRY | SHAPE | {"nc2_orthogonal": geometry.orthogonal_distance, "nc0": geometry.row_sum}


def network_rows(
    tensors: Statistics,
    layers: Sequence[str],
    inside: Sequence[str] = (),
    recipe: Recipe | None = None,
    groups: Groups | None = None,
    per_class: bool = False,
) -> Iterator[Row]:
    """Every metric that applies; the rows of layers in order of depth.

    `layers` names the measured ones, in that order; `inside` these and those inside them, where there are such. A decay
    is fitted over either.
    With the recipe of a deep linear head's training, its distances from the optimum are among the metrics.
    `groups` are slices of classes, by name, of which geometry, accuracy and loss are given; None: all classes at once.
    `per_class`: what there is of each class too.
    """
    products = _below(tensors, "head/product")
    groups = groups or {"all": slice(None)}
    if "head/classifier" in tensors:
        weight = tensors["head/classifier"]
        yield from classifier_rows(weight)
        yield from classifier_group_rows(weight, groups)
        yield from product_rows(products["features"])
        yield from classifier_class_rows(weight) if per_class else ()
    fitted: dict[tuple[str, str, str], dict[str, float]] = {}  # D by layer
    for (split, bn_mode, layer), found in layer_statistics(tensors, [*(inside or layers)]).items():
        at = At(split, layer, bn_mode)
        rows = list(layer_rows(found, at))
        for row in rows:
            if row.metric in FUZZINESS:
                fitted.setdefault((split, bn_mode, row.metric), {})[layer] = row.value
        yield from rows
        if "mean" in found:
            yield from group_rows(found, groups, at)
        yield from class_rows(found, products.get(layer), at) if per_class else ()
        if layer in products and "mean" in found:
            yield from duality_rows(found, products[layer], at)
        if layer == "features" and bn_mode == "eval" and "features" in products:
            yield from bias_rows(found, products["features"], tensors["head/bias"], at)
            if split == "train" and recipe is not None:
                yield from optimum_rows(found, products["features"], recipe, at)
    orders = {"layers": layers} | ({"layers_inside": inside} if len(inside) > len(layers) else {})
    for (split, bn_mode, metric), values in fitted.items():
        for name, order in orders.items():
            known = [layer for layer in order if layer in values]
            if known:
                middle = known.index(layers[len(layers) // 2])
                at, suffix = At(split, name, bn_mode), metric.removeprefix("separation_fuzziness")
                yield from decay_rows([values[layer] for layer in known], middle, at, suffix)
    for split in ("train", "held_out", "test"):
        if f"{split}/answers/count" in tensors:
            yield from answer_rows(_below(tensors, f"{split}/answers"), split, groups, per_class)
    if "other/mean" in tensors:
        means, at = tensors["train/eval/features/mean"], At("train", "features", "eval")
        yield at.row("ood_orthogonality", duality.ood_orthogonality, means, tensors["other/mean"])
    if "train/corruption/count" in tensors:
        yield from corruption_rows(tensors)


def layer_statistics(tensors: Statistics, order: list[str]) -> dict[tuple[str, str, str], Statistics]:
    """Statistics of every layer, by split, bn_mode and layer: those of `order` first (a file sorts them by name)."""
    keys = {tuple(name.split("/")[:3]) for name in tensors if name.endswith("/coordinates")}
    depth = {layer: number for number, layer in enumerate(order)}
    ordered = sorted(keys, key=lambda key: (*key[:2], depth.get(key[2], len(depth)), key[2]))
    return {key: _below(tensors, "/".join(key)) for key in ordered}


def classifier_rows(weight: np.ndarray) -> Iterator[Row]:
    """Geometry of the classifier (K, d)."""
    yield from At("-", "classifier", "-").rows(LINEAR_MAP, weight)


def classifier_group_rows(weight: np.ndarray, groups: Groups) -> Iterator[Row]:
    """Geometry of groups of classes of the classifier (K, d)."""
    for name, group in groups.items():
        at = At("-", "classifier", "-", name)
        if name != "all" and len(weight[group]) > 1:
            yield from at.rows(GEOMETRY, weight[group])
        yield at.row("energy", geometry.energy, weight[group])


def product_rows(product: np.ndarray) -> Iterator[Row]:
    """Geometry of the linear map (K, d) from the features to the logits: of a single classifier, the classifier's."""
    yield from At("-", "head", "-").rows(LINEAR_MAP, product)


def layer_rows(found: Statistics, at: At) -> Iterator[Row]:
    """Variability of a layer, and the geometry of its class means."""
    coordinates, count = found["coordinates"], found["count"]
    scatter = coordinates, found["within"], count, found["width"]
    yield at.row("nc1", variability.nc1, *scatter)
    yield at.row("nc1_sample_mean", partial(variability.nc1, centre="sample"), *scatter)
    yield at.row("nc1_sum", lambda *given: variability.nc1(*given) * (count > 0).sum(), *scatter)
    yield at.row("separation_fuzziness", variability.separation_fuzziness, *scatter)
    if "within_unweighted" in found:  # which files of before it was measured lack
        unweighted = coordinates, found["within_unweighted"], count, found["width"]
        yield at.row("separation_fuzziness_unweighted", variability.separation_fuzziness_unweighted, *unweighted)
    if "principal/coordinates" in found:
        principal = [found[f"principal/{name}"] for name in ("coordinates", "within", "count", "width")]
        yield at.row("separation_fuzziness_principal", variability.separation_fuzziness, *principal)
    yield at.row("nc1_trace_ratio", variability.nc1_trace_ratio, coordinates, found["trace"], count)
    yield at.row("cdnv", variability.cdnv, coordinates, found["trace"], count)
    yield at.row("within_trace", variability.within_trace, found["trace"], count)
    yield Row(*at, "rank_between", float(len(found["spectrum"])))
    if "agree" in found:
        yield at.row("ncc_mismatch", lambda *given: 1 - answers.fraction(*given), found["agree"], count)
    yield at.row("ncc_accuracy", answers.fraction, found["right"], count)
    # The origin of the coordinates is the mean of the class means.
    yield from at.rows({f"{name}_class_centred": metric for name, metric in GEOMETRY.items()}, coordinates)
    sample_centred = coordinates - variability.global_mean(coordinates, count)
    yield from at.rows(GEOMETRY | SHAPE, sample_centred)


def group_rows(found: Statistics, groups: Groups, at: At) -> Iterator[Row]:
    """Geometry of groups of class means, centred by the sample mean of all classes (Fang et al. 2021, code)."""
    centre = variability.global_mean(found["coordinates"], found["count"])
    for name, group in groups.items():
        here, means = at._replace(classes=name), found["coordinates"][group]
        if name != "all" and len(means) > 1:
            yield from here.rows(GEOMETRY, means - centre)
        yield here.row("energy", variability.feature_energy, means, found["trace"][group], centre)


def duality_rows(found: Statistics, weight: np.ndarray, at: At) -> Iterator[Row]:
    """Weights (K, d) behind a layer against its class means."""
    mean, count = found["mean"], found["count"]
    present = mean[count > 0]
    centred = mean - variability.global_mean(mean, count)
    class_centred = mean - (present.mean(0) if len(present) else np.nan)
    yield at.row("nc2_orthogonal", geometry.orthogonal_distance, mean)
    yield at.row("self_duality", duality.self_duality, weight, centred)
    yield at.row("self_duality_class_centred", duality.self_duality, weight, class_centred)
    yield at.row("alignment_distance", duality.alignment_distance, weight, centred)
    yield at.row("alignment_distance_raw", duality.alignment_distance, weight, mean)
    yield at.row("nc3", duality.simplex_duality, weight, centred)
    yield at.row("nc3_orthogonal", duality.orthogonal_duality, weight, mean)
    yield at.row("uniform_duality", duality.uniform_duality, weight, centred)
    yield at.row("uniform_duality_unbiased", partial(duality.uniform_duality, ddof=1), weight, centred)


def bias_rows(found: Statistics, product: np.ndarray, bias: np.ndarray, at: At) -> Iterator[Row]:
    """Whether the bias undoes what the sample mean of the features gives."""
    mean = variability.global_mean(found["mean"], found["count"])
    yield at.row("nc4", duality.bias_collapse, product, bias, mean)
    yield at.row("nc4_minus", partial(duality.bias_collapse, sign=-1), product, bias, mean)


def optimum_rows(found: Statistics, product: np.ndarray, recipe: Recipe, at: At) -> Iterator[Row]:
    """Distances of a deep linear head from its optimum, at the decays of the objective that was trained, and as the
    reference code takes them (Dang et al. 2023).
    """
    protocol, num_classes = recipe.protocol, len(product)
    factor = MSE_FACTORS.get(protocol.loss)
    if not protocol.separate_decay or factor is None or not protocol.weight_decay or not protocol.feature_decay:
        return
    options, count = recipe.options(), found["count"]
    if not count.all():
        return
    if options.classifier_bias:
        for name in ORTHOGONAL_FRAME:
            yield Row(*at, name, np.nan, "the head has a bias: this is the optimum of one without")
        return
    layers = options.linear_layers
    # The features are penalised batch by batch: the objective is that of as many samples as a batch has.
    samples = count * min(1.0, protocol.batch_size / count.sum())
    for suffix, scale in (("", factor(num_classes)), ("_code", 1.0)):
        decays = protocol.weight_decay * scale, protocol.feature_decay * scale
        p, shift = deep_linear.spectrum(samples, *decays, layers), samples.sum() * decays[1]
        mean = found["mean"]
        yield at.row(f"gof_nc2_w{suffix}", orthogonal_frame.gof_nc2_w, product, p)
        yield at.row(f"gof_nc2_h{suffix}", orthogonal_frame.gof_nc2_h, mean, p, shift)
        yield at.row(f"gof_nc3{suffix}", orthogonal_frame.gof_nc3, product, mean, p, shift)
        yield at.row(f"gof_alignment{suffix}", orthogonal_frame.gof_alignment, product, mean, p, shift)
        yield at.row(f"gof_ratio{suffix}", orthogonal_frame.gof_ratio, product, mean, p, shift)


# Times what the decays of each loss are those of ||P H - Y||^2 / (2N), for K classes.
MSE_FACTORS: dict[str, Callable[[int], float]] = {
    "mse": lambda num_classes: num_classes / 2,
    "half_mse": lambda num_classes: num_classes,
    "mse_per_sample": lambda num_classes: 1.0,
}


def decay_rows(fuzziness: list[float], middle: int, at: At, suffix: str = "") -> Iterator[Row]:
    """The law of data separation over layers, in order: as one line, and as two that meet at the layer `middle`."""
    for name in Decay._fields:
        yield at.row(f"decay_{name}{suffix}", lambda given, name=name: getattr(decay(given), name), fuzziness)
    parts = fuzziness[: middle + 1], fuzziness[middle:]
    for name, part in zip(("first", "second"), parts, strict=True):
        yield at.row(f"decay_ratio_{name}{suffix}", lambda given: decay(given).ratio, part)
    yield at.row(f"decay_error_two{suffix}", two_segment_error, *parts)


def answer_rows(found: Statistics, split: str, groups: Groups, per_class: bool = False) -> Iterator[Row]:
    """Accuracy and loss, of all classes and of groups, and calibration; accuracy of each class."""
    for name, group in groups.items():
        at = At(split, "network", "eval", name)
        yield at.row("accuracy", answers.fraction, found["correct"][group], found["count"][group])
        yield at.row("loss", answers.fraction, found["loss"][group], found["count"][group])
    bins = found["bin_count"], found["bin_correct"], found["bin_confidence"]
    yield At(split, "network", "eval").row("calibration_error", answers.calibration_error, *bins)
    for c in range(len(found["count"])) if per_class else ():
        of_class = found["correct"][c : c + 1], found["count"][c : c + 1]
        yield At(split, "network", "eval", str(c)).row("accuracy", answers.fraction, *of_class)


def corruption_rows(tensors: Statistics) -> Iterator[Row]:
    """What became of the train samples whose label was changed."""
    found, at = _below(tensors, "train/corruption"), At("train", "features", "eval")
    count, distance = found["count"], found["distance_test"]
    means = tensors["test/eval/features/mean"]
    samples = int(tensors["train/answers/count"].sum())
    yield at.row("memorization", memorization.memorization, distance, count)
    yield at.row("memorization_clean", memorization.memorization, found["distance_clean"], count)
    yield at.row("memorization_relative", memorization.relative_memorization, distance, count, means)
    yield at.row("memorization_fraction", memorization.memorized_fraction, distance, count, means, samples)
    yield at.row("corruption_bias", memorization.corruption_bias, found["pull"], count)


def _below(tensors: Statistics, prefix: str) -> Statistics:
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}
