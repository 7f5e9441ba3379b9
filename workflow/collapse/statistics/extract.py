"""From a run's checkpoints to its statistics file: the only stage after training that needs networks and images."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from collapse.data.subsets import draw_more, read_rows
from collapse.measuring import Measuring
from collapse.models.network import Network
from collapse.recipe import Labels, Recipe
from collapse.runs import POINTS, check_dataset, check_files, kept_statistics, link, read_run
from collapse.statistics.deepfool import deepfool
from collapse.statistics.network import network_statistics
from collapse.statistics.origin import measured, origin
from collapse.statistics.recorder import FeatureRecorder, Place
from collapse.statistics.sweep import KEPT_BYTES, Batch, Passes, batched
from collapse.strict import UserError
from collapse.tensors import write_tensors
from collapse.training.inputs import load_images, load_train, load_true_labels, read_classes
from collapse.training.state import locked
from collapse.training.weights import load_checkpoint

BATCH = 512
# Batch size for batch norms in train mode (He & Su 2023, code: chunks of 100, in the stored order).
TRAIN_MODE_BATCH = 100

Samples = tuple[Tensor, ...]  # images, labels and, where some labels were changed, true labels


def extract_run(folder: Path, dataset: Path, measuring: Measuring, path: Path, device: torch.device) -> None:
    """Write the statistics of every checkpoint of the run in `folder` to `path`.

    Tensors are named epoch-<e>/<name in network_statistics>; the metadata hold the recipe, the names of the measured
    layers, and what the statistics come from. Raises DamagedFile, WrongRun, and NoSuchLayer for a layer in
    `measuring.measured_layers` that the network does not measure.
    """
    recipe, run = read_run(folder)
    check_files(folder, run)
    check_dataset(folder, run, dataset)
    rows = read_rows(folder / "rows.csv")
    tensors: dict[str, np.ndarray] = {}
    metadata = {"status": run["status"], "reason": run["reason"], "recipe": recipe.model_dump_json()}
    metadata |= origin(folder, measuring)
    train = load_train(recipe, dataset, rows, device)
    test = None if recipe.kind == "direct" else load_images(recipe, dataset, "test", None, device)
    held_out = load_held_out(recipe, dataset, rows, measuring.held_out, device) if measuring.held_out else None
    if recipe.labels.noise or recipe.labels.latent:
        train = (*train, load_true_labels(recipe, dataset, rows, device))
    merged = recipe.num_classes if recipe.labels.latent else None
    for epoch, entry in run["checkpoints"].items():
        network = load_checkpoint(folder, recipe, entry).to(device).eval()
        named = checkpoint_statistics(network, train, test, recipe.num_labels(), measuring, held_out, merged)
        if measuring.perturbed and test is not None:
            named |= perturbations(network, test[0], recipe.std, measuring.perturbed)
        tensors |= {f"epoch-{int(epoch):04d}/{name}": tensor.cpu().numpy() for name, tensor in named.items()}
        for key, names in (("layers", network.measured), ("layers_inside", network.measured_inside)):
            metadata[key] = " ".join(name for name in layer_names(network, names) if wanted(name, network, measuring))
    write_tensors(path, tensors, metadata)


def extract_once(folder: Path, dataset: Path, measuring: Measuring, path: Path, device: torch.device) -> None:
    """Extract a run's statistics unless they are there. A second name keeps them while their job may still fail."""
    with locked(folder):
        kept = kept_statistics(folder, measuring.name)
        if not measured(kept, folder, measuring) and not measured(path, folder, measuring):
            extract_run(folder, dataset, measuring, kept, device)
        # Where another Snakemake has given it its place already, it may have measured it too.
        if measured(kept, folder, measuring) and not measured(path, folder, measuring):
            for name in ("metrics.csv", POINTS):
                (path.parent / name).unlink(missing_ok=True)  # those of other statistics
            link(kept, path)


class NoSuchLayer(UserError, ValueError):
    """A layer to measure that the network does not measure."""


class TooFewImages(UserError, ValueError):
    """More images to perturb than the test split has."""


def wanted(name: str, network: Network, measuring: Measuring) -> bool:
    """Whether a layer, by its name in the metrics, is to be measured; the features and the logits always are."""
    chosen = measuring.measured_layers
    if chosen == "all" or name in ("features", "logits"):
        return True
    there = layer_names(network, network.measured_inside)
    for layer in chosen if chosen != "features" else ():
        if layer not in there:
            raise NoSuchLayer(f"measured_layers: the network has no layer {layer}; it has {', '.join(there)}")
    return chosen != "features" and name in chosen


def load_held_out(recipe: Recipe, dataset: Path, rows: np.ndarray, count: int, device: torch.device) -> Samples:
    """Held-out samples: `count` of each class of the train split that are not in `rows`, with unchanged labels and,
    where the labels of the train set are changed, with labels that are changed as those.
    """
    _, labels = read_classes(recipe, dataset, "train")
    chosen = draw_more(labels, rows, count, recipe.seeds.data)
    unchanged = recipe.model_copy(update={"labels": Labels()})
    held_out = load_images(unchanged, dataset, "train", chosen, device)
    if recipe.labels == Labels():
        return held_out
    return *held_out, load_images(recipe, dataset, "train", chosen, device)[1]


def checkpoint_statistics(
    network: Network,
    train: Samples,
    test: Samples | None,
    num_classes: int,
    measuring: Measuring,
    held_out: Samples | None = None,
    merged: int | None = None,
    memory: int = KEPT_BYTES,
) -> dict[str, Tensor]:
    """Statistics of a network on each sample of the train subset once, the held-out samples, and the test split, if
    there is one.

    merged: as in network_statistics. held_out: images, labels and, where they are to be measured too, changed labels.
    memory: bytes of activations that each split, in each mode of the batch norms, may keep between sweeps. Where they
    fit, as the features alone do but for very large datasets, every sample passes through the network once; else every
    sweep runs the network again, and the result is the same.
    """
    chosen = {name: place for name, place in places(network).items() if wanted(name, network, measuring)}
    recorder = FeatureRecorder(network, chosen)

    def passes(samples: Samples, size: int = BATCH, train_mode: bool = False) -> Passes:
        return Passes(lambda: forward(recorder, samples, size, train_mode), memory)

    return network_statistics(
        head(network),
        num_classes,
        train=passes(train),
        test=None if test is None else passes(test),
        held_out=None if held_out is None else passes(held_out[:2]),
        held_out_noisy=passes((held_out[0], held_out[2])) if held_out is not None and len(held_out) > 2 else None,
        in_train_mode=passes(train, TRAIN_MODE_BATCH, train_mode=True) if "train" in measuring.bn_modes else None,
        noisy=len(train) > 2,
        merged=merged,
        components=measuring.principal_components,
        samples=measuring.samples,
        sampled=measuring.simplex_of,
    )


def perturbations(network: Network, images: Tensor, std: tuple[float, ...], count: int) -> dict[str, Tensor]:
    """Statistics test/perturbation/<name>, each (count,), of `count` of the test images (n, channels, side, side), the
    same for every run: `norms` of their perturbations, `raw` in pixels from 0 to 1, and `fooled`.

    std: what pixels were divided by, a value a channel or one for all. Raises TooFewImages.
    """
    if count > len(images):
        raise TooFewImages(f"perturbed: {count} images are wanted, and the test split has {len(images)}")
    rows = np.random.default_rng(0).permutation(len(images))[:count]
    found = deepfool(network, images[torch.from_numpy(np.sort(rows)).to(images.device)])
    scale = images.new_tensor(std, dtype=torch.float64)[:, None, None]
    measured = {"norms": found.norms(), "raw": found.norms(scale), "fooled": found.fooled}
    return {f"test/perturbation/{name}": values for name, values in measured.items()}


def places(network: Network) -> dict[str, Place]:
    """The places of the measured layers, the features and the logits, by name."""
    wanted = {*network.measured_inside, network.features_layer}
    modules = {name: module for name, module in network.module_names().items() if name in wanted}
    names = layer_names(network, tuple(modules))
    found = {name: Place(module) for name, module in zip(names, modules.values(), strict=True)}
    return found | {"logits": Place("classifier")}


def forward(recorder: FeatureRecorder, samples: Samples, size: int, train_mode: bool = False) -> Iterator[Batch]:
    """Activations and logits of every batch of `size` samples. `train_mode`: with batch norms in train mode."""
    for images, *labels in batched(size, *samples):
        found, logits = recorder(images, train_mode)
        yield Batch(found, logits, *labels)


def layer_names(network: Network, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of layers in the metrics: the layer that gives the features is called "features"."""
    return tuple("features" if name == network.features_layer else name for name in names)


def head(network: Network) -> dict[str, Tensor]:
    """The `head` of network_statistics: classifier, bias, for each layer the product of the weights behind it, the
    weights' squared norms, energies (M,), and, for M > 1, the imbalances (M-1,) of neighbouring layers.
    """
    layers = {
        name: layer.get_parameter("weight") for name, layer in network.layers.items() if name.startswith("linear")
    }
    product, bias = network.classifier.weight.detach().double(), network.classifier.bias
    result = {"classifier": product, "bias": product.new_zeros(len(product)) if bias is None else bias.detach()}
    for name, weight in reversed(layers.items()):
        result[f"product/{name}"] = product
        product = product @ weight.detach().double()
    weights = [weight.detach().double() for weight in network.head_weights()]
    result["energies"] = torch.stack([weight.square().sum() for weight in weights])
    if len(weights) > 1:
        result["imbalances"] = torch.stack([imbalance(*pair) for pair in pairwise(weights)])
    return result | {"product/features": product}


def imbalance(inner: Tensor, outer: Tensor) -> Tensor:
    """|| W_(m+1)^T W_(m+1) - W_m W_m^T || / || W_m W_m^T || of W_m (d, d) and W_(m+1) (d or K, d). Dang et al. 2023."""
    gram = inner @ inner.T
    return (outer.T @ outer - gram).norm() / gram.norm()
