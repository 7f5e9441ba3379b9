"""The recipe of a run: everything its result depends on, resolved, validated, written next to the result."""

import hashlib
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from collapse.data.specs import DATASETS
from collapse.models import NAMES as MODELS
from collapse.strict import Strict, one_of


class Protocol(Strict):
    """How a network is trained."""

    optimizer: Literal["sgd"] = Field("sgd", description="sgd: with momentum, without Nesterov")
    learning_rate: PositiveFloat = Field(description="initial step size")
    momentum: float = Field(ge=0, lt=1, description="momentum of sgd")
    weight_decay: NonNegativeFloat = Field(description="L2 coefficient on every parameter, biases and batch norm too")
    batch_size: PositiveInt = Field(description="samples a step; a last short batch is kept")
    epochs: PositiveInt = Field(description="passes over the (oversampled) train set")
    milestones: tuple[Fraction, ...] = Field(
        (), description="fractions of the epochs, as 1/3, at which the step size is multiplied by lr_factor"
    )
    lr_factor: PositiveFloat = Field(0.1, description="factor of the step size at each milestone")
    loss: Literal["cross_entropy"] = Field("cross_entropy", description="cross_entropy: mean over the batch")

    def learning_rate_at(self, epoch: int) -> float:
        """Step size during epoch index `epoch`, counted from 0."""
        passed = sum(epoch >= int(fraction * self.epochs) for fraction in self.milestones)
        return self.learning_rate * self.lr_factor**passed


class Imbalance(Strict):
    """Class counts of the train set: classes 0..k_major-1 are the majority (Fang et al. 2021).

    Give `n_major` (then n_minor = n_major // ratio) or `n_minor` (then n_major = n_minor * ratio).
    """

    k_major: PositiveInt = Field(description="K_A, the number of majority classes")
    ratio: PositiveInt | Literal["inf"] = Field(description="R = n_A / n_B; inf: no minority sample at all")
    n_major: PositiveInt = Field(description="n_A, train samples of a majority class")
    n_minor: NonNegativeInt = Field(description="n_B, train samples of a minority class")
    oversampling: PositiveInt = Field(1, description="w_r, how often a minority sample appears in an epoch")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not ({"n_major", "n_minor"} & set(data)):
            return data
        ratio = data.get("ratio")
        if ratio == "inf":
            return {"n_minor": 0, **data}
        if not isinstance(ratio, int) or ratio < 1:
            return data  # the field's own check says what is wrong
        if "n_major" not in data:
            return {"n_major": data["n_minor"] * ratio, **data}
        return {"n_minor": data["n_major"] // ratio, **data}

    @model_validator(mode="after")
    def _possible(self) -> "Imbalance":
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
        return self

    def class_counts(self, num_classes: int) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return (self.n_major,) * self.k_major + (self.n_minor,) * (num_classes - self.k_major)


class Seeds(Strict):
    """Independent sources of chance."""

    data: NonNegativeInt = Field(description="which samples form the train subset")
    init: NonNegativeInt = Field(description="initial weights")
    order: NonNegativeInt = Field(description="order of the samples in each epoch")

    def stream(self, purpose: Literal["init", "order"]) -> int:
        """Seed of a generator: equal numbers for two purposes still give unrelated streams."""
        name = f"{purpose} {getattr(self, purpose)}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])


class Recipe(Strict):
    """Everything a run depends on. Two figures that need the same recipe share the run."""

    dataset: str = Field(description="name of the dataset")
    image_size: PositiveInt = Field(description="side of the images; resized (Pillow, bilinear) where it differs")
    mean: tuple[float, ...] = Field(description="per-channel mean subtracted from the pixels in [0, 1]")
    std: tuple[PositiveFloat, ...] = Field(description="per-channel divisor")
    model: str = Field(description="name of the network")
    imbalance: Imbalance = Field(description="class counts of the train set")
    protocol: Protocol = Field(description="how the network is trained")
    seeds: Seeds = Field(description="data choice, initialisation, order")
    # Raised by hand when the meaning of training changes: every run made under the old meaning is then redone.
    version: Literal[1] = Field(1, description="version of the training's meaning")

    @model_validator(mode="before")
    @classmethod
    def _dataset_defaults(cls, data: Any) -> Any:
        if isinstance(data, dict) and "dataset" in data:
            spec = DATASETS[one_of("dataset", data["dataset"], DATASETS)]
            return {"image_size": spec.image_size, "mean": spec.mean, "std": spec.std, **data}
        return data

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        spec = DATASETS[self.dataset]
        one_of("model", self.model, MODELS)
        if self.imbalance.k_major > spec.num_classes:
            raise ValueError(f"k_major {self.imbalance.k_major}: {self.dataset} has {spec.num_classes} classes")
        if self.imbalance.k_major == spec.num_classes and self.imbalance.ratio != 1:
            raise ValueError(
                f"k_major {self.imbalance.k_major} leaves no minority class in {self.dataset}: use ratio 1, "
                f"or k_major below {spec.num_classes}"
            )
        if self.imbalance.n_major > spec.train_per_class:
            raise ValueError(
                f"n_major {self.imbalance.n_major}: {self.dataset} holds {spec.train_per_class} train samples a class"
            )
        if self.epoch_length() % self.protocol.batch_size == 1:
            raise ValueError(
                f"batch_size {self.protocol.batch_size} leaves a last batch of one sample (an epoch has "
                f"{self.epoch_length()}), on which batch norm is undefined: choose another batch_size"
            )
        return self

    def at_seed(self, seed: int) -> "Recipe":
        """The same recipe with every source of chance at `seed`."""
        return self.model_copy(update={"seeds": Seeds(data=seed, init=seed, order=seed)})

    def class_counts(self) -> tuple[int, ...]:
        """Distinct train samples of each class."""
        return self.imbalance.class_counts(DATASETS[self.dataset].num_classes)

    def epoch_length(self) -> int:
        """Samples seen in an epoch, minority samples counted `oversampling` times."""
        counts, k_major = self.class_counts(), self.imbalance.k_major
        return sum(counts[:k_major]) + self.imbalance.oversampling * sum(counts[k_major:])

    def sha256(self) -> str:
        """Identity of the recipe."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
