"""The recipe of a run: everything its result depends on, resolved, validated, written next to the result."""

import hashlib
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from collapse.data.classes import Classes, check_classes, merged_counts
from collapse.data.entries import DATASETS, DatasetEntry, check_channels
from collapse.data.imbalance import Imbalance
from collapse.data.own import OwnImages
from collapse.models.entries import NETWORKS, NetworkEntry
from collapse.models.initialisers import INITIALISERS
from collapse.models.options import NetworkOptions
from collapse.models.own import OwnBuilder, network_entry
from collapse.models.shape import Shape
from collapse.strict import ConfigModel, check_choice
from collapse.training.entries import LOSSES, OPTIMIZERS
from collapse.training.protocol import Protocol
from collapse.training.schedule import measured_epochs
from collapse.training.unconstrained import check_unconstrained, completed

# Raise it when a fix in the code of training changes every result. Where it changes those of one network, dataset,
# loss, optimizer or initialiser, raise `version` in that entry. The runs get new names; none is deleted.
TRAINING_VERSION = 1


class Labels(ConfigModel):
    """What happens to the labels of the train set before training (collapse.data.labels)."""

    noise: float = Field(
        default=0.0, ge=0, le=1, description="probability that a label is redrawn, uniformly over all classes"
    )
    latent: float = Field(
        default=0.0, ge=0, le=1, description="probability that a sample moves to its class' hidden half"
    )
    shuffled: bool = Field(
        default=False, description="permute the labels: as many of each class, unrelated to the images"
    )


class Seeds(ConfigModel):
    """Independent sources of chance."""

    data: NonNegativeInt = Field(description="which samples form the train subset")
    noise: NonNegativeInt = Field(description="which labels are changed, and to what")
    init: NonNegativeInt = Field(description="initial weights")
    order: NonNegativeInt = Field(description="order of the samples in each epoch")

    @classmethod
    def all(cls, seed: int) -> "Seeds":
        """Every source of chance at the same seed."""
        return cls(data=seed, noise=seed, init=seed, order=seed)

    def stream(self, purpose: Literal["init", "order"]) -> int:
        """Seed of a generator: two purposes with equal seeds still get unrelated streams."""
        name = f"{purpose} {getattr(self, purpose)}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])


class Recipe(ConfigModel):
    """Everything the training of a run depends on. Two figures that need the same recipe share the run."""

    dataset: str = Field(description="name of the dataset")
    image_size: PositiveInt = Field(
        description="side of the images; where it differs, they are resized (Pillow, bilinear) or padded"
    )
    mean: tuple[float, ...] = Field(description="per-channel mean subtracted from the pixels in [0, 1]")
    std: tuple[PositiveFloat, ...] = Field(description="per-channel divisor")
    model: str = Field(description="name of the network")
    architecture: dict[str, Any] = Field(
        default={}, description="options of the network; those not given are its defaults"
    )
    classes: Classes | None = Field(
        default=None,
        description="classes of the dataset that are taken, renumbered in this order, as [0, 1]; or groups of them, "
        "each a class, as [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]; null: all",
    )
    channels: Literal[3] | None = Field(default=None, description="3: grey images are given as three equal channels")
    fit_by: Literal["resize", "pad"] = Field(
        default="resize",
        description="how images get the side image_size; pad: zeros around them, no other pixel changes",
    )
    imbalance: Imbalance = Field(description="class counts of the train set")
    labels: Labels = Field(default=Labels(), description="noise in the labels of the train set")
    protocol: Protocol = Field(description="how the network is trained")
    seeds: Seeds = Field(description="data choice, label noise, initialisation, order")
    measurements: PositiveInt = Field(default=1, description="log-spaced epochs that are measured; 1: the last alone")
    measure_every: PositiveInt | None = Field(
        default=None, description="instead of measurements: the epochs n, 2n, 3n, ..., and the last, are measured"
    )
    measure_initial: bool = Field(default=False, description="measure the untrained network too, as epoch 0")
    keep_checkpoints: Literal["last", "measured", "all"] = Field(
        default="last", description="measured: those epochs, and the first of zero training error; all: every epoch"
    )
    own_dataset: OwnImages | None = Field(
        default=None, description="facts of a dataset of one's own; the workflow fills them in"
    )
    own_network: OwnBuilder | None = Field(
        default=None, description="builder of a network of one's own; the workflow fills it in"
    )
    level: PositiveFloat | None = Field(
        default=None,
        description="of unconstrained features, instead of weight_decay and feature_decay: both are what makes b/n of "
        "the smallest class this multiple of tau_M (collapse.theory.thresholds)",
    )
    kind: Literal["trained", "direct"] = Field(
        default="trained",
        description="how the run is made, which the dataset says: trained on images; or direct, unconstrained features "
        "and a linear head optimised side by side for all seeds",
    )
    versions: dict[str, PositiveInt] = Field(
        default={}, description="versions above 1 of the code that the training uses, by what they are of"
    )

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if isinstance(data, dict) and "dataset" in data and data.get("own_dataset") is None:
            spec = DATASETS[check_choice("dataset", data["dataset"], DATASETS)]
            data = {"image_size": spec.image_size, "mean": spec.mean, "std": spec.std, **data}
            data = completed(data) if spec.unconstrained else data
            if spec.own:
                data["own_dataset"] = OwnImages.model_validate(spec, from_attributes=True)
            if isinstance(data.get("imbalance"), dict) and data["imbalance"].get("counts") == "all":
                taken = data.get("classes")
                if taken is not None:
                    check_classes(data["dataset"], spec.num_classes, taken)
                counts = merged_counts(spec.train_counts, taken)
                data["imbalance"] = {**data["imbalance"], "counts": counts}
        if isinstance(data, dict) and "model" in data:
            own = data.get("own_network")
            if own is None:
                entry = NETWORKS[check_choice("model", data["model"], NETWORKS)]
                own = {"builder": entry.build, "version": entry.version} if entry.own else None
            else:
                entry = network_entry(data["model"], OwnBuilder.model_validate(own))
            options = entry.options.model_validate(data.get("architecture", {}))
            data = {**data, "own_network": own, "architecture": options.model_dump(mode="json")}
        return data

    @model_validator(mode="after")
    def _fits_the_dataset(self) -> "Recipe":
        spec = self.dataset_entry
        check_channels(self.dataset, spec.channels, mean=self.mean, std=self.std)
        if self.classes is not None:
            check_classes(self.dataset, spec.num_classes, self.classes)
        if self.channels and spec.channels != 1:
            raise ValueError(f"channels 3 is for grey images: {self.dataset} has {spec.channels} channels")
        if self.fit_by == "pad" and self.image_size < spec.image_size:
            raise ValueError(f"fit_by pad makes no smaller images: {self.dataset} has a side of {spec.image_size}")
        self.imbalance.check(self.dataset, self.train_counts())
        check_unconstrained(self)
        return self

    @model_validator(mode="after")
    def _one_rhythm(self) -> "Recipe":
        if self.measure_every and self.measurements > 1:
            raise ValueError("give measurements or measure_every, not both")
        if self.measure_every and self.keep_checkpoints != "measured":
            raise ValueError("measure_every needs keep_checkpoints: measured")
        return self

    @model_validator(mode="after")
    def _fits_the_network(self) -> "Recipe":
        options, protocol = self.options(), self.protocol
        width = options.declared_width(self.num_labels())
        if options.classifier == "fixed_etf" and width is not None and width < self.num_labels():
            raise ValueError(f"a simplex of {self.num_labels()} classes needs features of that dimension, not {width}")
        if protocol.drop_last and self.epoch_length() < protocol.batch_size:
            raise ValueError(
                f"drop_last leaves no batch: an epoch has {self.epoch_length()} samples, batch_size is "
                f"{protocol.batch_size}"
            )
        # Every network has batch norm, except perceptrons with batch_norm: false.
        normed = getattr(options, "batch_norm", True) or options.feature_batch_norm
        if normed and not protocol.drop_last and self.epoch_length() % protocol.batch_size == 1:
            raise ValueError(
                f"batch_size {protocol.batch_size} leaves a last batch of one sample (an epoch has "
                f"{self.epoch_length()}), on which batch norm is undefined: choose another batch_size, or drop_last"
            )
        return self

    def at_seed(self, seed: int) -> "Recipe":
        """The same recipe with every source of chance at `seed`."""
        return self.model_copy(update={"seeds": Seeds.all(seed)})

    @property
    def dataset_entry(self) -> DatasetEntry:
        """The entry of the dataset."""
        if self.kind == "direct":
            return replace(DATASETS[self.dataset], train_counts=self.imbalance.counts or ())
        if self.own_dataset is None:
            return DATASETS[self.dataset]
        return DatasetEntry(
            self.dataset, load="", max_pixel=255, mean=self.mean, std=self.std, own=True, **dict(self.own_dataset)
        )

    @property
    def network_entry(self) -> NetworkEntry:
        """The entry of the network."""
        return network_entry(self.model, self.own_network)

    @property
    def shape(self) -> Shape:
        """Shape of the data that the network is built for. A sample of unconstrained features is a unit vector."""
        if self.kind == "direct":
            return Shape(sum(self.class_counts()), 1, self.num_classes)
        return Shape(self.channels or self.dataset_entry.channels, self.image_size, self.num_labels())

    def train_counts(self) -> tuple[int, ...]:
        """Train samples that the dataset holds of each class that is taken."""
        return merged_counts(self.dataset_entry.train_counts, self.classes)

    def options(self) -> NetworkOptions:
        """Options of the network."""
        return self.network_entry.options.model_validate(self.architecture)

    def class_counts(self) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return self.imbalance.class_counts(self.num_classes)

    @property
    def num_classes(self) -> int:
        """Number K of classes that are taken."""
        return self.dataset_entry.num_classes if self.classes is None else len(self.classes)

    @property
    def balance(self) -> Literal["balanced", "imbalanced"]:
        """Whether every class has as many distinct train samples."""
        return "balanced" if len(set(self.class_counts())) == 1 else "imbalanced"

    @property
    def features(self) -> Literal["linear", "relu"]:
        """Whether H may have either sign (free features, or those of a linear layer), or comes from behind a ReLU."""
        options = self.options()
        straight = getattr(options, "feature_linear", False) or getattr(options, "activation", "relu") == "identity"
        return "linear" if straight or self.kind == "direct" else "relu"

    def num_labels(self) -> int:
        """Number of classes that the network tells apart: K, or 2K with latent classes."""
        return self.num_classes * (2 if self.labels.latent else 1)

    def epoch_length(self) -> int:
        """Samples seen in an epoch, minority samples counted `oversampling` times."""
        counts, k_major = self.class_counts(), self.imbalance.k_major
        return sum(counts[:k_major]) + self.imbalance.oversampling * sum(counts[k_major:])

    def checkpoint_epochs(self) -> set[int]:
        """Epochs, counted from 1, whose weights are kept and measured; 0 is the untrained network."""
        epochs, initial = self.protocol.total_epochs, [0] if self.measure_initial else []
        if self.keep_checkpoints == "measured" and self.measure_every:
            return {*range(self.measure_every, epochs, self.measure_every), epochs, *initial}
        counts = {"last": 1, "measured": self.measurements, "all": epochs}
        return {*measured_epochs(epochs, counts[self.keep_checkpoints]), *initial}

    def current_versions(self) -> dict[str, int]:
        """Versions above 1 of the code that would train this recipe now, by what they are of."""
        used = {
            "training": TRAINING_VERSION,
            "dataset": self.dataset_entry.version,
            "network": self.network_entry.version,
            "initialisation": INITIALISERS[self.options().initialisation].version,
            "optimizer": OPTIMIZERS[self.protocol.optimizer].version,
            "loss": LOSSES[self.protocol.loss].version,
        }
        return {name: version for name, version in used.items() if version > 1}
