"""What is measured of a run: its own identity, apart from the training's, as measuring anew trains nothing."""

import hashlib
import json
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from collapse.recipe import Recipe
from collapse.strict import ConfigModel

# Raise it when statistics or metrics change their meaning: every run is then measured again, in a folder of another
# name, and none is trained. A new metric needs no new version.
VERSION = 1
# Principal components come from the n x n Gram matrix of the samples.
MAX_PRINCIPAL_SAMPLES = 10_000
MAX_PICTURED = 3


class Measuring(ConfigModel):
    """Choices of measuring; they name the folder of statistics and metrics inside the run's."""

    measured_layers: Literal["all", "features"] | tuple[str, ...] = Field(
        default="all",
        description="layers to measure beside the features and the logits: all, features (none), or names",
    )
    bn_modes: tuple[Literal["eval", "train"], ...] = Field(
        default=("eval", "train"), description="modes of the batch norms in which the train split is measured"
    )
    groups: tuple[str, ...] = Field(
        default=(),
        description="groups of classes to measure beside the run's majority and minority (of at most 20 classes, each "
        "first k and the rest), as 0-4",
    )
    held_out: NonNegativeInt = Field(
        default=0,
        description="samples of each class of the train split, beside the train set's own, of which the accuracy is "
        "measured: the split held_out, on which to choose a learning rate",
    )
    samples: NonNegativeInt = Field(
        default=0,
        description="samples of each class whose features are kept for pictures (tables with points: true), and as "
        "many with a changed label; of the train and of the test split",
    )
    simplex_of: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] | None = Field(
        default=None,
        description="with samples: three classes that are pictured within the simplex that the class means come "
        "nearest to, for features of any dimension from K - 1 on",
    )
    perturbed: NonNegativeInt = Field(
        default=0,
        description="images of the test split, the same for every run, of which the smallest perturbation found by "
        "DeepFool that changes the network's answer is measured",
    )
    principal_components: PositiveInt | None = Field(
        default=None,
        description="measure separation_fuzziness_principal too, on that many principal components of wider layers",
    )

    @field_validator("bn_modes")
    @classmethod
    def _with_eval(cls, modes: tuple[str, ...]) -> tuple[str, ...]:
        if "eval" not in modes or len(set(modes)) < len(modes):
            raise ValueError("bn_modes is [eval] or [eval, train]")
        return tuple(sorted(modes))

    def check(self, recipe: Recipe) -> None:
        """Raise ValueError where a run of that recipe can not be measured so."""
        counts = recipe.class_counts()
        for label, (wanted, held) in enumerate(zip(counts, recipe.train_counts(), strict=True)):
            if wanted + self.held_out > held:
                raise ValueError(
                    f"held_out {self.held_out}: {recipe.dataset} has {held - wanted} train samples of class {label} "
                    f"beside the {wanted} of the train set"
                )
        if self.perturbed and recipe.kind == "direct":
            raise ValueError("perturbed: unconstrained features have no images")
        width = recipe.options().declared_width(recipe.num_labels())
        if self.simplex_of is not None:
            self._check_simplex(recipe.num_labels(), width)
        elif self.samples and (width is None or width > MAX_PICTURED):
            raise ValueError(
                f"samples: a picture shows features of at most {MAX_PICTURED} dimensions, not {width or 'so many'}: "
                f"give the network a feature_dim"
            )
        if self.principal_components and sum(counts) > MAX_PRINCIPAL_SAMPLES:
            raise ValueError(
                f"principal_components takes at most {MAX_PRINCIPAL_SAMPLES} train samples, not {sum(counts)}: "
                f"it forms their Gram matrix"
            )

    def _check_simplex(self, num_classes: int, width: int | None) -> None:
        chosen = self.simplex_of or ()
        if not self.samples:
            raise ValueError("simplex_of needs samples, as samples: 20")
        if len(set(chosen)) < len(chosen) or max(chosen) >= num_classes:
            raise ValueError(f"simplex_of names three classes from 0 to {num_classes - 1}, each once")
        if width is not None and width < num_classes - 1:
            raise ValueError(f"simplex_of: {width} dimensions have no simplex of {num_classes} classes")

    def identity(self) -> str:
        """JSON of the version and of the values that are not defaults."""
        changed = self.model_dump(mode="json", exclude_defaults=True)
        return json.dumps(changed | {"version": VERSION}, sort_keys=True)

    @classmethod
    def identified(cls, text: str) -> "Measuring":
        """The choices of that identity."""
        return cls.model_validate({key: value for key, value in json.loads(text).items() if key != "version"})

    @property
    def name(self) -> str:
        """Folder of the statistics and metrics: all, features, or one of these with a hash of what else was chosen."""
        layers = self.measured_layers if isinstance(self.measured_layers, str) else "layers"
        if VERSION == 1 and self in (Measuring(), Measuring(measured_layers="features")):
            return layers
        return f"{layers}-{hashlib.sha256(self.identity().encode()).hexdigest()[:8]}"
