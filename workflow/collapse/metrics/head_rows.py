"""The metrics of a deep linear head that was trained with separate decays of its weights and of the features."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from collapse.metrics import entries
from collapse.metrics.orthogonal_frame import Frame
from collapse.metrics.row import At, Row
from collapse.metrics.variability import global_mean
from collapse.recipe import Recipe
from collapse.theory import cross_entropy_frames, deep_linear
from collapse.training.entries import LOSSES

Statistics = Mapping[str, np.ndarray]


def head_rows(tensors: Statistics, recipe: Recipe) -> Iterator[Row]:
    """Rows of the train split's features; of the linear layers behind them, the distance of their product's optimum.

    None where the decays are not separate, or not positive, and none where a class has no sample.
    """
    protocol, at = recipe.protocol, At("train", "features", "eval")
    found = {name: tensors[f"train/eval/features/{name}"] for name in ("mean", "trace", "count")}
    if not (protocol.separate_decay and protocol.weight_decay and protocol.feature_decay and found["count"].all()):
        return
    product, bias = tensors["head/product/features"], recipe.options().classifier_bias
    means = found["mean"] - global_mean(found["mean"], found["count"]) if bias else found["mean"]
    given: dict[str, Any] = {"weights": product, "means": means, "count": found["count"]}
    given |= {"imbalances": tensors["head/imbalances"]} if "head/imbalances" in tensors else {}
    if "head/energies" in tensors:
        given["objective"] = objective(tensors, recipe)
    yield from at.rows(entries.LINEAR_HEAD, given)
    if LOSSES[protocol.loss].theory_factor is not None:
        yield from _optimum_rows(tensors, recipe, given, at)
    elif protocol.loss == "cross_entropy" and not bias and len(set(found["count"].tolist())) == 1:
        frame, samples = cross_entropy_frames.simplex_frame(len(product)), found["count"][0]
        samples = samples * batch_share(recipe, found["count"])
        decays = protocol.weight_decay, protocol.feature_decay, recipe.options().linear_layers
        given["simplex"] = cross_entropy_frames.frame_optimum(frame, samples, *decays).loss
        yield from at.rows(entries.OF_SIMPLEX, given)


def _optimum_rows(tensors: Statistics, recipe: Recipe, given: dict[str, Any], at: At) -> Iterator[Row]:
    """Distances from the optimum at the decays of the trained objective, and (metrics *_code) from that at the decays
    that the code of Dang et al. 2023 uses.
    """
    factor = LOSSES[recipe.protocol.loss].theory_factor
    assert factor is not None  # the caller has asked
    scale, width = factor(len(given["weights"])), given["weights"].shape[1]
    trained, optimal = optimal_frame(recipe, given["count"], width, scale)
    coded, _ = optimal_frame(recipe, given["count"], width, 1.0)
    given = given | {"frame": trained, "coded": coded, "optimal": optimal / scale}
    yield from at.rows(entries.OPTIMUM, given)
    yield from at.rows(entries.OPTIMUM_AS_CODED, given | {"frame": coded})
    yield from at.rows(entries.FLOORS | entries.GAP, given)
    for i in range(1, recipe.options().linear_layers):
        behind = {"weights": tensors[f"head/product/linear{i}"], "frame": trained}
        behind["factors"] = recipe.options().linear_layers - i
        yield from At("train", f"linear{i}", "eval").rows(entries.PARTIAL, behind)


def batch_share(recipe: Recipe, count: np.ndarray) -> float:
    """The share of the samples in a batch. Features are penalised batch by batch, so that the objective is the theory's
    with N = batch size.
    """
    return min(1.0, recipe.protocol.batch_size / count.sum())


def optimal_frame(recipe: Recipe, count: np.ndarray, width: int, scale: float) -> tuple[Frame, float]:
    """The frame at `scale` times the recipe's decays, and its loss; for class counts (K,) and a width of features."""
    protocol, options = recipe.protocol, recipe.options()
    samples = count * batch_share(recipe, count)
    decays = protocol.weight_decay * scale, protocol.feature_decay * scale
    narrow = width if width < len(count) else None
    optimum = deep_linear.optimum(samples, *decays, options.linear_layers, options.classifier_bias, narrow)
    return Frame.of(optimum, samples.sum() * decays[1], options.classifier_bias), optimum.loss


def objective(tensors: Statistics, recipe: Recipe) -> float:
    """The objective that was trained, on the whole train split: the loss, and the decays of weights and features.

    A squared loss is a sum over classes of the squared distance of P h_k + beta from the target, and the variance of
    the logits about it. The features' penalty is the mean of what batches get.
    """
    protocol, count = recipe.protocol, tensors["train/eval/features/count"]
    total, factor = count.sum(), LOSSES[protocol.loss].theory_factor
    means, trace = tensors["train/eval/features/mean"], tensors["train/eval/features/trace"]
    if factor is None:
        loss = tensors["train/answers/loss"].sum() / total
    else:
        missed = means @ tensors["head/product/features"].T + tensors["head/bias"] - np.eye(len(count))
        spread = tensors["train/eval/logits/trace"]
        loss = count @ (np.square(missed).sum(1) + spread) / (2 * total * factor(len(count)))
    features = count @ (np.square(means).sum(1) + trace) * batch_share(recipe, count)
    return float(
        loss + protocol.weight_decay / 2 * tensors["head/energies"].sum() + protocol.feature_decay / 2 * features
    )
