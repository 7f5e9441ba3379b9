"""The recipe of a run: everything its result depends on, resolved, validated, written next to the result."""

import bisect
import hashlib
import json
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from collapse.data.entries import DATASETS, DatasetEntry
from collapse.former_names import former_options, present_options
from collapse.models.entries import NETWORKS, NetworkEntry
from collapse.models.options import NetworkOptions
from collapse.strict import Choices, ConfigModel, check_choice, meanings
from collapse.training.entries import LOSSES, OPTIMIZERS
from collapse.training.schedule import measured_epochs

# Principal components come from the n x n Gram matrix of the samples.
MAX_PRINCIPAL_SAMPLES = 10_000


class FirstPhase(ConfigModel):
    """Epochs before the others, at a constant step size, in which other layers train (He & Su 2023, code)."""

    epochs: PositiveInt = Field(description="passes over the train set, before those of the protocol")
    frozen: tuple[str, ...] = Field(description="names of the layers whose parameters do not train yet")


class Protocol(ConfigModel):
    """How a network is trained."""

    optimizer: Annotated[str, Choices(OPTIMIZERS)] = Field(default="sgd", description=meanings(OPTIMIZERS))
    learning_rate: PositiveFloat = Field(description="initial step size")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="momentum of sgd")
    weight_decay: NonNegativeFloat = Field(description="L2 coefficient on every parameter, biases and batch norm too")
    batch_size: PositiveInt = Field(description="samples a step; a last short batch is kept; at least n: full batch")
    epochs: PositiveInt = Field(description="passes over the (oversampled) train set")
    milestones: tuple[Fraction, ...] = Field(
        default=(), description="fractions of the epochs, as 1/3, at which the step size is multiplied by lr_factor"
    )
    step_epochs: PositiveInt | None = Field(
        default=None, description="instead of milestones: epochs between multiplications of the step size by lr_factor"
    )
    lr_factor: PositiveFloat = Field(default=0.1, description="factor of the step size at each milestone")
    loss: Annotated[str, Choices(LOSSES)] = Field(default="cross_entropy", description=meanings(LOSSES))
    smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description=f"alpha of {' and '.join(name for name, entry in LOSSES.items() if entry.smoothed)}",
    )
    separate_decay: bool = Field(
        default=False,
        description="weight_decay / 2 on the squared weights of the linear head alone, and feature_decay / 2 on the "
        "squared features of the batch, instead of weight decay on every parameter",
    )
    feature_decay: NonNegativeFloat = Field(default=0.0, description="lambda_H of separate_decay")
    first_phase: FirstPhase | None = Field(
        default=None,
        description="a phase before, in which other layers are frozen; then those of the network's option frozen",
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="arithmetic of the steps (bfloat16: autocast); measuring is always float32"
    )

    @field_validator("milestones")
    @classmethod
    def _fractions(cls, milestones: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
        if not all(0 < fraction < 1 for fraction in milestones):
            raise ValueError("milestones are fractions of the epochs, between 0 and 1, as 1/3: not numbers of epochs")
        if list(milestones) != sorted(set(milestones)):
            raise ValueError("milestones must rise, each named once")
        return milestones

    @model_validator(mode="after")
    def _one_schedule(self) -> "Protocol":
        if self.milestones and self.step_epochs:
            raise ValueError("give milestones or step_epochs, not both")
        if self.feature_decay and not self.separate_decay:
            raise ValueError("feature_decay needs separate_decay: true")
        if LOSSES[self.loss].smoothed and self.smoothing == 0:
            raise ValueError(f"{self.loss} needs a smoothing above 0")
        return self

    @property
    def total_epochs(self) -> int:
        """Epochs of both phases."""
        return self.epochs + (self.first_phase.epochs if self.first_phase else 0)

    def learning_rate_at(self, epoch: int) -> float:
        """Step size during epoch index `epoch`, counted from 0, the first phase included."""
        epoch -= self.total_epochs - self.epochs
        if epoch < 0:  # the first phase
            return self.learning_rate
        if self.step_epochs:
            return self.learning_rate * self.lr_factor ** (epoch // self.step_epochs)
        passed = sum(epoch >= int(fraction * self.epochs) for fraction in self.milestones)
        return self.learning_rate * self.lr_factor**passed


class Imbalance(ConfigModel):
    """Class counts of the train set: classes 0..k_major-1 are the majority (Fang et al. 2021).

    Give `n_major`, a multiple of the ratio (then n_minor = n_major / ratio), or `n_minor` (then n_major = n_minor *
    ratio), or `counts`: every class is then a majority class, and ratio = greatest count / least count.
    """

    k_major: PositiveInt = Field(description="K_A, the number of majority classes")
    ratio: PositiveInt | PositiveFloat | Literal["inf"] = Field(
        description="R = n_A / n_B, a whole number but for counts; inf: no minority sample at all"
    )
    n_major: PositiveInt = Field(description="n_A, train samples of a majority class")
    n_minor: NonNegativeInt = Field(description="n_B, train samples of a minority class")
    counts: tuple[PositiveInt, ...] | None = Field(
        default=None,
        description="train samples of each class, instead of the four above; all: whatever the dataset holds",
    )
    oversampling: PositiveInt = Field(default=1, description="w_r, how often a minority sample appears in an epoch")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if data.get("counts") is not None:
            return _from_counts(data)
        if not ({"n_major", "n_minor"} & set(data)):
            return data
        ratio = data.get("ratio")
        if ratio == "inf":
            return {"n_minor": 0, **data}
        if isinstance(ratio, float):
            raise ValueError(f"ratio {ratio:g}: a whole number of 1 or more, or inf (counts may have any)")
        if not isinstance(ratio, int) or ratio < 1:
            return data  # the field's own check says what is wrong
        if "n_major" not in data:
            return {"n_major": data["n_minor"] * ratio, **data}
        return {"n_minor": data["n_major"] // ratio, **data}

    @model_validator(mode="after")
    def _possible(self) -> "Imbalance":
        if self.counts:
            return self
        if self.ratio == "inf":
            if self.n_minor:
                raise ValueError(f"ratio inf means n_minor 0, not {self.n_minor}")
        elif self.n_minor == 0:
            raise ValueError(
                f"ratio {self.ratio} leaves the minority classes empty: n_major is {self.n_major}, "
                f"so the largest ratio is {self.n_major} (or inf, where that is meant)"
            )
        elif self.n_minor != self.n_major // self.ratio:
            raise ValueError(f"n_major {self.n_major} and n_minor {self.n_minor} are not at ratio {self.ratio}")
        elif self.n_major % self.ratio:
            below, above = _nearest_divisors(self.n_major, self.ratio)
            raise ValueError(
                f"ratio {self.ratio} does not divide n_major {self.n_major}: "
                f"the nearest that do are {below} and {above}"
            )
        return self

    def class_counts(self, num_classes: int) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return self.counts or (self.n_major,) * self.k_major + (self.n_minor,) * (num_classes - self.k_major)


def _nearest_divisors(number: int, wanted: float) -> tuple[int, int]:
    """The divisors of `number` next below and next above `wanted`, which is less than `number` and no divisor."""
    divisors = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    place = bisect.bisect(divisors, wanted)
    return divisors[place - 1], divisors[place]


def _from_counts(data: dict[str, Any]) -> dict[str, Any]:
    """The keys of Imbalance that `counts` implies; raises ValueError where a given key contradicts `counts`."""
    counts = [count for count in data["counts"] if isinstance(count, int) and count > 0]
    if len(counts) < len(data["counts"]):
        raise ValueError(f"counts {list(data['counts'])}: every class needs a positive number of samples")
    implied = {
        "k_major": len(counts),
        "n_major": max(counts),
        "n_minor": min(counts),
        "ratio": max(counts) // min(counts) if max(counts) % min(counts) == 0 else max(counts) / min(counts),
    }
    for key, value in implied.items():
        if data.get(key, value) != value:
            raise ValueError(f"give counts or {key}, not both")
    return data | implied


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


def check_channels(dataset: str, **values: tuple[float, ...]) -> None:
    """Raise ValueError for a normalisation that has not one value for each channel of the dataset's images."""
    channels = DATASETS[dataset].channels
    for name, given in values.items():
        if len(given) != channels:
            raise ValueError(f"{name} has {len(given)} values: images of {dataset} have {channels} channel(s)")


class Recipe(ConfigModel):
    """Everything a run depends on. Two figures that need the same recipe share the run."""

    dataset: str = Field(description="name of the dataset")
    image_size: PositiveInt = Field(description="side of the images; resized (Pillow, bilinear) where it differs")
    mean: tuple[float, ...] = Field(description="per-channel mean subtracted from the pixels in [0, 1]")
    std: tuple[PositiveFloat, ...] = Field(description="per-channel divisor")
    model: str = Field(description="name of the network")
    architecture: dict[str, Any] = Field(
        default={}, description="options of the network; those not given are its defaults"
    )
    imbalance: Imbalance = Field(description="class counts of the train set")
    labels: Labels = Field(default=Labels(), description="noise in the labels of the train set")
    protocol: Protocol = Field(description="how the network is trained")
    seeds: Seeds = Field(description="data choice, label noise, initialisation, order")
    measurements: PositiveInt = Field(default=1, description="log-spaced epochs that are measured; 1: the last alone")
    measure_initial: bool = Field(default=False, description="measure the untrained network too, as epoch 0")
    held_out: NonNegativeInt = Field(
        default=0,
        description="samples of each class of the train split, beside the train set's own, of which the accuracy is "
        "measured: the split held_out, on which to choose a learning rate",
    )
    principal_components: PositiveInt | None = Field(
        default=None,
        description="measure separation_fuzziness_principal too, on that many principal components of wider layers",
    )
    keep_checkpoints: Literal["last", "measured", "all"] = Field(
        default="last", description="measured: those epochs, and the first of zero training error; all: every epoch"
    )
    # Raise it by hand when training changes its meaning: every older run is then trained again.
    version: Literal[1] = Field(default=1, description="version of the training's meaning")

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if isinstance(data, dict) and "dataset" in data:
            spec = DATASETS[check_choice("dataset", data["dataset"], DATASETS)]
            data = {"image_size": spec.image_size, "mean": spec.mean, "std": spec.std, **data}
            if isinstance(data.get("imbalance"), dict) and data["imbalance"].get("counts") == "all":
                data["imbalance"] = {**data["imbalance"], "counts": spec.train_counts}
        if isinstance(data, dict) and "model" in data:
            entry = NETWORKS[check_choice("model", data["model"], NETWORKS)]
            options = entry.options.model_validate(data.get("architecture", {}))
            data = {**data, "architecture": options.model_dump(mode="json")}
        return data

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        spec = self.dataset_entry
        check_channels(self.dataset, mean=self.mean, std=self.std)
        if self.imbalance.counts:
            if len(self.imbalance.counts) != spec.num_classes:
                raise ValueError(
                    f"counts has {len(self.imbalance.counts)} entries: {self.dataset} has {spec.num_classes} classes"
                )
        elif self.imbalance.k_major > spec.num_classes:
            raise ValueError(f"k_major {self.imbalance.k_major}: {self.dataset} has {spec.num_classes} classes")
        elif self.imbalance.k_major == spec.num_classes and self.imbalance.ratio != 1:
            raise ValueError(
                f"k_major {self.imbalance.k_major} leaves no minority class in {self.dataset}: use ratio 1, "
                f"or k_major below {spec.num_classes}"
            )
        counts = self.class_counts()
        for label, (wanted, held) in enumerate(zip(counts, spec.train_counts, strict=True)):
            if wanted > held:
                raise ValueError(f"{self.dataset} holds {held} train samples of class {label}: {wanted} are asked for")
            if wanted + self.held_out > held:
                raise ValueError(
                    f"held_out {self.held_out}: {self.dataset} has {held - wanted} train samples of class {label} "
                    f"beside the {wanted} of the train set"
                )
        if self.principal_components and sum(counts) > MAX_PRINCIPAL_SAMPLES:
            raise ValueError(
                f"principal_components takes at most {MAX_PRINCIPAL_SAMPLES} train samples, not {sum(counts)}: "
                f"it forms their Gram matrix"
            )
        options = self.options()
        width = options.declared_width(self.num_labels())
        if options.classifier == "fixed_etf" and width is not None and width < self.num_labels():
            raise ValueError(f"a simplex of {self.num_labels()} classes needs features of that dimension, not {width}")
        # Every network has batch norm, except perceptrons with batch_norm: false.
        normed = getattr(options, "batch_norm", True) or options.feature_batch_norm
        if normed and self.epoch_length() % self.protocol.batch_size == 1:
            raise ValueError(
                f"batch_size {self.protocol.batch_size} leaves a last batch of one sample (an epoch has "
                f"{self.epoch_length()}), on which batch norm is undefined: choose another batch_size"
            )
        return self

    @classmethod
    def recorded(cls, data: dict[str, Any]) -> "Recipe":
        """A recipe from JSON that this or an earlier version wrote: identity(), recipe.json, a file of statistics."""
        return cls.model_validate(data | {"architecture": present_options(data["architecture"])})

    def at_seed(self, seed: int) -> "Recipe":
        """The same recipe with every source of chance at `seed`."""
        return self.model_copy(update={"seeds": Seeds.all(seed)})

    @property
    def dataset_entry(self) -> DatasetEntry:
        """The entry of the dataset."""
        return DATASETS[self.dataset]

    @property
    def network_entry(self) -> NetworkEntry:
        """The entry of the network."""
        return NETWORKS[self.model]

    def options(self) -> NetworkOptions:
        """Options of the network."""
        return self.network_entry.options.model_validate(self.architecture)

    def class_counts(self) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return self.imbalance.class_counts(self.dataset_entry.num_classes)

    def num_labels(self) -> int:
        """Number of classes that the network tells apart: the dataset's K, or 2K with latent classes."""
        return self.dataset_entry.num_classes * (2 if self.labels.latent else 1)

    def epoch_length(self) -> int:
        """Samples seen in an epoch, minority samples counted `oversampling` times."""
        counts, k_major = self.class_counts(), self.imbalance.k_major
        return sum(counts[:k_major]) + self.imbalance.oversampling * sum(counts[k_major:])

    def checkpoint_epochs(self) -> set[int]:
        """Epochs, counted from 1, whose weights are kept and measured; 0 is the untrained network."""
        epochs = self.protocol.total_epochs
        counts = {"last": 1, "measured": self.measurements, "all": epochs}
        return {*measured_epochs(epochs, counts[self.keep_checkpoints]), *([0] if self.measure_initial else [])}

    def identity(self) -> str:
        """JSON that identifies the recipe: its version, and the values that are not defaults.

        So a key added to Recipe later does not change the identity of earlier recipes. A default whose meaning changes
        needs a new version. Options have their former names, so that runs of an earlier version are recognised.
        """
        changed = self.model_dump(mode="json", exclude_defaults=True)
        options = former_options(self.options().model_dump(mode="json", exclude_defaults=True))
        return json.dumps(changed | {"architecture": options, "version": self.version}, sort_keys=True)

    def sha256(self) -> str:
        """Checksum of the identity."""
        return hashlib.sha256(self.identity().encode()).hexdigest()
