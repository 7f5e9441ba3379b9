"""A user's model and loaders, as sweeps (collapse.statistics.sweep); a ValueError names what does not fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from collapse.statistics import batches
from collapse.statistics.classifier import Candidate, find_classifier, is_probability, logits_of
from collapse.statistics.recorder import FeatureRecorder, Place, all_finite, parse_place
from collapse.statistics.sweep import KEPT_BYTES, Batch, Passes

Layers = Sequence[str] | Mapping[str, int]

# Names that the table uses for other things, so that no layer may have them.
TAKEN = ("features", "logits", "network", "layers", "layers_inside")


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel or torch.compile: it gives the same values."""
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


@dataclass(frozen=True)
class ReaderOptions:
    """How loaders are read.

    ignored: label of samples that are left out. device: where inputs are moved; None: the device of the model's first
    parameter. memory: bytes that a split may keep between sweeps. progress: print lines during a long sweep.
    """

    ignored: int = -100
    device: torch.device | str | None = None
    memory: int = KEPT_BYTES
    progress: bool = True


@dataclass
class ModelReader:
    """Reads the layers, features and logits of a model in eval mode, batch by batch.

    `final` is the model's classifier. None: the features are a named layer's, and the logits are the model's output if
    it is (n, K), else absent. num_classes: K; None until the classifier or the labels determine it.
    """

    model: nn.Module
    options: ReaderOptions
    final: Candidate | None = None
    num_classes: int | None = None
    recorder: FeatureRecorder = field(init=False)
    said: frozenset[str] = frozenset()  # layers for which the caller gave the axis of the samples

    def __post_init__(self):
        """Start without recorded layers."""
        self.device = input_device(self.model, self.options.device)
        self.recorder = FeatureRecorder(self.model, {})

    def inputs(self, inputs: Any) -> Any:
        """Inputs on the model's device; without autocast, floating-point inputs take its parameters' (one) dtype."""
        dtypes = {parameter.dtype for parameter in self.model.parameters() if parameter.is_floating_point()}
        cast = len(dtypes) == 1 and not any(self.recorder.autocast.values())
        return batches.to_device(inputs, self.device, dtypes.pop() if cast else None)

    def find(self, inputs: Any, chosen: str | None) -> None:
        """Find the classifier by running the model on these inputs; raises ValueError."""
        given = self.inputs(inputs)
        self.final = find_classifier(self.model, lambda: self.recorder(given)[1], chosen)
        self.num_classes = self.final.output.shape[1]

    def record(self, layers: Layers, features: str | Mapping[str, int] | None) -> None:
        """Record these layers and the features: the classifier's input, or a layer's output. Raises ValueError."""
        modules = {name: module for name, module in self.model.named_modules(remove_duplicate=False) if name}
        axes = _axes(layers)
        for name in axes:
            if name in TAKEN:
                raise ValueError(f"layer {name!r}: the table calls something else so. Ask for it as {name + '#1'!r}")
        places = {name: parse_place("layer", name, modules, axis) for name, axis in axes.items()}
        if self.final is None:
            assert features is not None  # the caller names them where there is no classifier
            ((name, axis),) = _axes(features).items()
            places["features"] = parse_place("features", name, modules, axis)
        else:
            at = self.final.place
            places |= {"features": Place(at.module, at.call, inward=True), "logits": at}
        said = set(axes) if isinstance(layers, Mapping) else set()
        self.said = frozenset(said | ({"features"} if isinstance(features, Mapping) else set()))
        self.recorder.places = places

    def check_axes(self, inputs: Any, count: int) -> None:
        """Raise ValueError unless every layer gives one row for each of the `count` samples in these inputs.

        Where another axis has length `count` too, a run with one more sample tells which axis holds the samples.
        """
        given = self.inputs(inputs)
        seen, _ = self.recorder(given)
        if self.final is not None and len(seen["features"]) != count:
            shape = tuple(seen["features"].shape)
            raise ValueError(f"loader: features {shape} and {count} labels do not pair: a label a sample is wanted")
        self._check_lengths(seen, count)
        known = {"features", "logits"} if self.final is not None else set()
        unclear = [name for name, tensor in seen.items() if count in tensor.shape[1:] and name not in known]
        more = self._run_with_one_more(given, count) if unclear else None
        if more is not None:
            self._check_lengths(more, count + 1, f" ({count} and one more, to tell axes apart)")
        elif not self.said.issuperset(unclear):
            name = next(name for name in unclear if name not in self.said)
            raise ValueError(
                f"layer {name!r} gives {tuple(seen[name].shape)} of {count} samples: say which axis is theirs, as "
                f"{self._said_as(name, 0)}"
            )

    def _run_with_one_more(self, given: Any, count: int) -> dict[str, Tensor] | None:
        """Tensors of a run with one more sample; None for a model that does not accept another number of samples."""
        try:
            seen, _ = self.recorder(batches.one_more(given, count))
        except Exception:  # the user's model: whatever it raises
            return None
        return seen if len(seen["features"]) == count + 1 else None

    def _check_lengths(self, seen: dict[str, Tensor], count: int, which: str = "") -> None:
        for name, tensor in seen.items():
            if len(tensor) != count:
                raise ValueError(
                    f"layer {name!r} gives {tuple(tensor.shape)} of {count} samples{which}: they have to lie along "
                    f"axis 0, or say along which, as {self._said_as(name, 1)}"
                )

    def _said_as(self, name: str, axis: int) -> str:
        alone = name == "features" and self.final is None
        return f"features={{name: {axis}}}" if alone else f"layers={{{name!r}: {axis}}}"

    def sweeps(self, name: str, loader: Iterable[Any], train_mode: bool = False) -> Passes:
        """Passes of a loader through the model; raises ValueError for a loader that can not be swept twice."""
        batches.check_loader(name, loader)
        known: list[int] = []

        def run() -> Iterator[Batch]:
            total = samples = 0
            for batch in batches.with_progress(name, loader, self.options.progress):
                inputs, labels = batches.split_batch(name, batch)
                labels = batches.class_labels(name, labels, self.num_classes, self.options.ignored)
                total = (total + batches.checksum(inputs, labels)) % 2**64
                kept = labels != self.options.ignored
                samples += int(kept.sum())
                if kept.any():
                    yield self._batch(name, inputs, labels, kept, train_mode)
            if not samples:
                raise ValueError(f"{name} holds no sample whose label counts: all are {self.options.ignored}")
            known.append(total)
            if total != known[0]:
                raise ValueError(
                    f"{name} gives other samples each time it is run through, and what it leaves is more than memory= "
                    f"({self.options.memory} bytes) lets be kept: give a loader without random sampler, augmentation, "
                    "or shuffle with drop_last; or more memory"
                )

        return Passes(run, self.options.memory)

    def _batch(self, name: str, inputs: Any, labels: Tensor, kept: Tensor, train_mode: bool) -> Batch:
        seen, output = self.recorder(self.inputs(inputs), train_mode)
        logits = seen.pop("logits").flatten(1) if self.final is not None else self._answers(output, seen["features"])
        found = seen if logits is None else seen | {"logits": logits}
        for layer, tensor in found.items():
            if len(tensor) != len(labels):
                shape = tuple(tensor.shape)
                raise ValueError(
                    f"{name}: layer {layer!r} gives {shape}, and there are {len(labels)} labels, of one batch"
                )
            if not all_finite(tensor):
                raise ValueError(f"{name}: layer {layer!r} gives values that are not finite, in {tuple(tensor.shape)}")
        if not kept.all():
            seen = {layer: tensor[kept.to(tensor.device)] for layer, tensor in seen.items()}
            logits = None if logits is None else logits[kept.to(logits.device)]
        # Gather on one device, in case the model lies on several; not on mps, which lacks float64.
        place = seen["features"].device if seen["features"].device.type != "mps" else torch.device("cpu")
        seen = {layer: tensor.to(place) for layer, tensor in seen.items()}
        return Batch(seen, None if logits is None else logits.to(place), labels[kept].to(place))

    def _answers(self, output: Any, features: Tensor) -> Tensor | None:
        """The logits of a model without a classifier: its output if that is (n, K), else None."""
        answers = logits_of(output)
        if self.num_classes is None or len(answers) != 1 or tuple(answers[0].shape[1:]) != (self.num_classes,):
            return None
        if answers[0].shape == features.shape and torch.equal(answers[0], features):
            return None
        if is_probability(answers[0]):
            raise ValueError(
                f"the model's output {tuple(answers[0].shape)} is a probability a class, and no logits: give the model "
                "without its softmax"
            )
        return answers[0]

    def count_classes(self, name: str, loader: Iterable[Any]) -> None:
        """Set the number of classes to the largest label of a loader + 1; raises ValueError for invalid labels."""
        for batch in batches.with_progress(name, loader, self.options.progress):
            _, labels = batches.split_batch(name, batch)
            labels = batches.class_labels(name, labels, None, self.options.ignored)
            labels = labels[labels != self.options.ignored]
            self.num_classes = max(self.num_classes or 0, int(labels.max()) + 1 if len(labels) else 0)

    def mean_features(self, other: Iterable[Any]) -> Tensor:
        """Mean (d,) of the features over a loader with or without labels; raises ValueError for one without samples."""
        batches.check_loader("other", other)
        total: Tensor | float = 0.0
        count = 0
        for batch in batches.with_progress("other", other, self.options.progress):
            seen, _ = self.recorder(self.inputs(batches.inputs_alone("other", batch)))
            features = seen["features"].flatten(1).double()
            if not all_finite(features):
                raise ValueError(f"other: features {tuple(features.shape)} have values that are not finite")
            total, count = total + features.sum(0), count + len(features)
        if not (count and isinstance(total, Tensor)):
            raise ValueError("other holds no sample")
        return total / count


def _axes(names: Layers | str) -> dict[str, int]:
    """The axis of each layer's output that holds the samples: 0, unless a mapping gives another."""
    if isinstance(names, Mapping):
        return dict(names)
    return dict.fromkeys([names] if isinstance(names, str) else names, 0)


def input_device(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """The device to which inputs are moved; raises ValueError for a device that the model is not on."""
    there = [parameter.device for parameter in model.parameters()] or [torch.device("cpu")]
    if device is None:
        return there[0]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device {device!r} is none that torch knows: {error}") from None
    matching = [place for place in there if place.type == wanted.type and wanted.index in (None, place.index)]
    if not matching:
        raise ValueError(f"device {device!r}: the model's parameters are on {there[0]}. Move it there first")
    return matching[0]


def first_batch(name: str, loader: Iterable[Any]) -> Any:
    """The first batch of a loader; raises ValueError for an empty loader."""
    batches.check_loader(name, loader)
    return next(batches.with_progress(name, loader, progress=False))
