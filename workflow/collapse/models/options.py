"""The options of every network, without torch: the workflow validates a recipe before any job runs."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from collapse.models.initialisers import INITIALISERS
from collapse.strict import Choices, ConfigModel, meanings

FeatureDim = PositiveInt | Literal["num_classes"] | None


class NetworkOptions(ConfigModel):
    """Options that every network has: the end of the network, its initial weights, its frozen layers."""

    feature_batch_norm: bool = Field(
        default=False, description="a batch norm, after the backbone, whose output is the features H (Dang et al. 2023)"
    )
    linear_layers: PositiveInt = Field(
        default=1, description="M, the layers of the linear head: M - 1 bias-free d x d layers, then the classifier"
    )
    classifier_bias: bool = Field(default=True, description="whether the classifier has a bias")
    classifier: Literal["learned", "fixed_etf"] = Field(
        default="learned",
        description="fixed_etf: the classifier's weight is a fixed simplex equiangular tight frame with unit-norm rows "
        "(Zhu et al. 2021); its bias still trains",
    )
    initialisation: Annotated[str, Choices(INITIALISERS)] = Field(default="default", description=meanings(INITIALISERS))
    frozen: tuple[str, ...] = Field(default=(), description="names of the layers whose parameters do not train")

    @field_validator("classifier", mode="before")
    @classmethod
    def _renamed(cls, classifier: Any) -> Any:
        if classifier == "simplex":
            raise ValueError("simplex is now fixed_etf")
        return classifier

    def declared_width(self, num_classes: int) -> int | None:
        """Dimension of the features where the options set it; None where the network's design sets it."""
        chosen = getattr(self, "feature_dim", None)
        return num_classes if chosen == "num_classes" else chosen


class MlpOptions(NetworkOptions):
    """Options of the multilayer perceptrons."""

    RENAMED: ClassVar = {"depth": "layers, which counts the classifier too: 8 for depth: 7"}

    width: PositiveInt = Field(default=128, description="width of the hidden layers")
    layers: int = Field(
        default=3,
        ge=2,
        description="layers as He & Su 2023 count them, the hidden ones and the classifier; those that feature_dim, "
        "feature_linear and linear_layers add are not counted",
    )
    hidden: tuple[PositiveInt, ...] | None = Field(
        default=None,
        description="width of each hidden layer: layers is then one more than they are, width the greatest",
    )
    feature_dim: FeatureDim = Field(
        default=None, description="dimension of the features, a last and narrow hidden layer"
    )
    batch_norm: bool = Field(default=True, description="whether hidden layers have a batch norm")
    norm_after_activation: bool = Field(default=False, description="batch norm after the activation, not before it")
    activation: Literal["relu", "identity"] = Field(default="relu", description="of the hidden layers; identity: none")
    feature_linear: bool = Field(
        default=False, description="a biased d x d layer without activation, after the hidden ones, whose output is H"
    )
    orthogonal_hidden: NonNegativeInt | None = Field(
        default=None,
        description="with initialisation orthogonal: how many hidden layers it concerns, from the first; null: all",
    )
    input_channel: NonNegativeInt | None = Field(
        default=None, description="the one channel that is seen; null: all of them"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_hidden(cls, data: Any) -> Any:
        hidden = data.get("hidden") if isinstance(data, dict) else None
        if not hidden or not all(isinstance(width, int) for width in hidden):
            return data
        implied = {"width": max(hidden), "layers": len(hidden) + 1}
        for key, value in implied.items():
            if data.get(key, value) != value:
                raise ValueError(f"give hidden or {key}, not both")
        return data | implied

    @model_validator(mode="after")
    def _possible(self) -> "MlpOptions":
        if self.norm_after_activation and not self.batch_norm:
            raise ValueError("norm_after_activation needs batch_norm")
        if self.orthogonal_hidden is not None and self.initialisation != "orthogonal":
            raise ValueError("orthogonal_hidden needs initialisation: orthogonal")
        return self

    def widths(self) -> tuple[int, ...]:
        """Width of each hidden layer, a feature_dim layer not counted."""
        return (self.width,) * (self.layers - 1) if self.hidden is None else self.hidden

    def declared_width(self, num_classes: int) -> int | None:
        """Dimension of the features; None where the features are the flattened images."""
        return super().declared_width(num_classes) or (self.widths()[-1] if self.widths() else None)


class FreeFeaturesOptions(NetworkOptions):
    """Options of unconstrained features under a linear head."""

    width: PositiveInt = Field(default=64, description="d, dimension of the features and of the linear layers")
    initialisation: Annotated[str, Choices(INITIALISERS)] = Field(default="normal", description=meanings(INITIALISERS))

    def declared_width(self, num_classes: int) -> int:
        """Dimension of the features."""
        return self.width


class ConvnetOptions(NetworkOptions):
    """Options of the small convolutional network."""

    @property
    def dense_widths(self) -> tuple[int, ...]:
        """Width of each dense layer."""
        return (128,)


class VggOptions(NetworkOptions):
    """Options of the VGGs."""

    RENAMED: ClassVar = {"head": "dense_layers: 2 for head: dense, 0 for head: none"}

    dense_layers: NonNegativeInt = Field(
        default=2, description="layers of width 4096 before the classifier; 0: the features are the average pool"
    )

    @property
    def dense_widths(self) -> tuple[int, ...]:
        """Width of each dense layer."""
        return (4096,) * self.dense_layers


class StemOptions(NetworkOptions):
    """The first layers of a network for small images (cifar) or large ones."""

    stem: Literal["cifar", "imagenet"] = Field(
        default="cifar", description="cifar: 3x3 convolution of stride 1; imagenet: 7x7 of stride 2, and a max-pool"
    )


class ResnetOptions(StemOptions):
    """Options of the ResNets."""

    base_width: PositiveInt = Field(
        default=64, description="channels of the first stage; each later stage doubles them"
    )
    feature_dim: FeatureDim = Field(
        default=None, description="dimension of the features, to which the last block is narrowed"
    )


class DensenetOptions(StemOptions):
    """Options of the DenseNets."""


class TiledOptions(NetworkOptions):
    """Options of the networks on tiled images."""


class GresnetOptions(NetworkOptions):
    """Options of the residual networks on tiled images."""

    block: Literal["basic", "bottleneck", "mixed"] = Field(
        default="basic",
        description="the four blocks: basic, bottleneck, or two bottleneck blocks before two basic ones",
    )
