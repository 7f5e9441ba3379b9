"""How a network is trained, as a paper's file says it."""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator, model_validator

from collapse.strict import Choices, ConfigModel, meanings
from collapse.training.entries import LOSSES, OPTIMIZERS

SMOOTHING = 0.1  # alpha of a smoothed loss, where nothing else is said


class FirstPhase(ConfigModel):
    """Epochs before the others, at a constant step size, in which other layers train (He & Su 2023, code)."""

    epochs: PositiveInt = Field(description="passes over the train set, before those of the protocol")
    frozen: tuple[str, ...] = Field(description="names of the layers whose parameters do not train yet")


class Protocol(ConfigModel):
    """How a network is trained."""

    optimizer: Annotated[str, Choices(OPTIMIZERS)] = Field(default="sgd", description=meanings(OPTIMIZERS))
    learning_rate: PositiveFloat = Field(description="initial step size")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="momentum of sgd")
    weight_decay: NonNegativeFloat = Field(
        description="L2 coefficient on every parameter, biases and batch norm too; of adamw, times the step size, the "
        "share that each loses in a step"
    )
    batch_size: PositiveInt = Field(description="samples a step; a last short batch is kept; at least n: full batch")
    drop_last: bool = Field(default=False, description="leave out an epoch's last, short batch")
    augmentation: Literal["crop_flip"] | None = Field(
        default=None,
        description="crop_flip: whenever an image is seen it is cropped at random out of itself with four black pixels "
        "around it, and flipped with probability 1/2; networks are measured on the images as they are",
    )
    epochs: PositiveInt = Field(description="passes over the (oversampled) train set")
    milestones: tuple[Fraction, ...] = Field(
        default=(), description="fractions of the epochs, as 1/3, at which the step size is multiplied by lr_factor"
    )
    step_epochs: PositiveInt | None = Field(
        default=None, description="instead of milestones: epochs between multiplications of the step size by lr_factor"
    )
    lr_factor: PositiveFloat = Field(default=0.1, description="factor of the step size at each milestone")
    loss: Annotated[str, Choices(LOSSES)] = Field(default="cross_entropy", description=meanings(LOSSES))
    smoothing: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description=f"alpha of {' and '.join(name for name, entry in LOSSES.items() if entry.smoothed)}, where null is "
        f"{SMOOTHING}; other losses have none",
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
    dtype: Literal["float32", "bfloat16", "float64"] = Field(
        default="float32",
        description="arithmetic of the steps (bfloat16: autocast; float64: unconstrained features, always and alone); "
        "networks are measured in float32, unconstrained features in float64",
    )

    @model_validator(mode="before")
    @classmethod
    def _own_smoothing(cls, data: Any) -> Any:
        """Recipes of before smoothing could be null have a number with every loss: it means nothing there."""
        if not isinstance(data, dict) or data.get("loss", "cross_entropy") not in LOSSES:
            return data
        smoothed = LOSSES[data.get("loss", "cross_entropy")].smoothed
        given = data.get("smoothing")
        return {**data, "smoothing": (SMOOTHING if given is None else given) if smoothed else None}

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
