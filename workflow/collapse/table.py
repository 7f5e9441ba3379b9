"""A table: what its rows and columns are, and what they are measured or computed from."""

from typing import Any, ClassVar, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from collapse.data import drawn
from collapse.grid import AXES, FOUND, Axes, check_axis
from collapse.measuring import Measuring
from collapse.metrics.entries import METRICS, OF_IMAGES, RENAMED
from collapse.strict import ConfigModel, check_choice, meanings
from collapse.theory.entries import PREDICTIONS, SOLVERS

RowsPer = tuple[Literal["epoch", "layer", "bn_mode"], ...]
Moment = Literal["initial", "zero_error", "tpt", "last"]
TPT_ACCURACY = 0.999
MOMENTS: dict[Moment, str] = {
    "initial": "the untrained network",
    "zero_error": "the first epoch in which every step's predictions were right",
    "tpt": f"the start of the terminal phase: the first measured epoch with a train accuracy of {TPT_ACCURACY} or more",
    "last": "the last epoch",
}


class Column(ConfigModel):
    """One measured column of a table: which rows of metrics.csv it is."""

    metric: str = Field(description="metric, by its name in metrics.csv")
    layer: str = Field(
        default="features",
        description="a layer of the network by name; features (the input of the linear head; in a table with a row for "
        "each layer, that layer), logits; classifier, head (the linear head's weights multiplied); network (its "
        "answers); layers, layers_inside (decay_*: those inside blocks too)",
    )
    split: Literal["train", "held_out", "held_out_noisy", "test", "-"] = Field(
        default="train",
        description="train, held_out (with unchanged labels), held_out_noisy (with labels changed as those of the "
        "train set), test; - for what needs no samples",
    )
    bn_mode: Literal["eval", "train"] = Field(
        default="eval", description="train: batch norms by the statistics of chunks of 100 samples (He & Su 2023)"
    )
    classes: Literal["all", "majority", "minority"] = Field(
        default="all", description="classes the metric is taken over"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        if metric in RENAMED:
            raise ValueError(f"{metric} is now {RENAMED[metric]}")
        return check_choice("metric", metric, METRICS)


class Prediction(ConfigModel):
    """A column that a theory computes for each run, from measured columns of the table and its axes."""

    theory: str = Field(description=meanings(PREDICTIONS))
    at: dict[str, Any] = Field(
        default={},
        description="axis: value of the run (of the same seed, the other axes equal) that is measured instead",
    )

    @field_validator("theory")
    @classmethod
    def _known(cls, theory: str) -> str:
        return check_choice("theory", theory, PREDICTIONS)


class Best(ConfigModel):
    """One axis of a table, of which each point keeps the best value alone, as each of several columns choose it."""

    along: str = Field(description="axis of which the best value is kept, as learning_rate")
    by: tuple[str, ...] = Field(
        description="columns that choose, each by the greatest mean over the seeds (of equals the first in the grid); "
        "which of them chose is the row's chosen_by"
    )


class Content(ConfigModel):
    """The rows and columns of a table."""

    RENAMED: ClassVar = {"axes": "key_columns", "each": "rows_per"}

    columns: dict[str, Column] = Field(
        default={}, description="measured columns; each gets _mean and _std over the seeds"
    )
    spread: bool = Field(default=True, description="false: the mean over the seeds alone, under the column's own name")
    median: bool = Field(default=False, description="add the median over the seeds, as <column>_median")
    predictions: dict[str, Prediction] = Field(
        default={}, description="columns computed from the measured ones by a theory"
    )
    key_columns: tuple[str, ...] = Field(
        description="columns that say which point a row is; claims select and compare by them"
    )
    moment: tuple[Moment, ...] = Field(
        default=(),
        description="key column: a row for each of these moments of a run, with its epoch as a column; "
        + "; ".join(f"{name}: {meaning}" for name, meaning in MOMENTS.items()),
    )
    rows_per: RowsPer = Field(
        default=(),
        description="key columns within a run: a row for each measured epoch, layer (numbered, the input is 0), batch "
        "norm mode; without epoch, the last",
    )
    inside: bool = Field(default=False, description="layers inside others (blocks) are layers of their own")
    best: Best | None = Field(default=None, description="keep the best value of one axis alone")

    points: bool = Field(
        default=False,
        description="instead of columns, a row for each point of a picture of the features: kept samples (measure: "
        "samples), means, rows of the classifier; their places x1 to x3",
    )
    draws: PositiveInt | None = Field(
        default=None,
        description="measured on that many random subsets of the data alone, without a run (claims: drawn)",
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that say which point a row is."""
        moment = ["moment"] if self.moment else []
        return (*self.key_columns, *(["chosen_by"] if self.best else []), *moment, *self.rows_per)

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns with a value for each run, in order."""
        return (*(["epoch"] if self.moment else []), *self.columns, *self.predictions)

    @property
    def panel_keys(self) -> tuple[str, ...]:
        """Keys that claims select and compare by: not the axis of `best`, of which each point keeps one value."""
        return tuple(key for key in self.keys if not (self.best and key == self.best.along))


class Table(Content):
    """A tidy table: measured on runs (columns) or computed from theory (solver)."""

    title: str = Field(description="one line, for the report")
    solver: str | None = Field(
        default=None, description=f"what computes the table, instead of columns; {meanings(SOLVERS)}"
    )
    study: str | None = Field(
        default=None,
        description="instead of columns, the trials of the scale's study of that name: a row for each trial and "
        "searched axis",
    )
    measure: dict[str, Any] = Field(
        default={},
        description="how its runs are measured, by keys of Measuring, where the grid does not say it",
    )

    @property
    def measured(self) -> bool:
        """Whether the table is measured on runs; others are computed, or measured on the data alone."""
        return (bool(self.columns) or self.points) and not self.draws

    def found_keys(self, blocks: tuple[Axes, ...]) -> tuple[str, ...]:
        """Keys whose values no grid states: only the finished table shows them."""
        if self.solver:
            return tuple(axis for axis in self.key_columns if not any(axis in block for block in blocks))
        return tuple(key for key in self.rows_per if key == "layer")

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if [bool(self.columns), bool(self.solver), self.points, bool(self.study)].count(True) != 1:
            raise ValueError("give one of columns or points (measured on runs), solver (theory), study (its trials)")
        if self.points and (self.moment or self.best or self.predictions or set(self.rows_per) - {"epoch"}):
            raise ValueError("a table of points has no moment, best, predictions, or rows_per but epoch")
        if self.solver:
            check_choice("solver", self.solver, SOLVERS)
        elif self.draws:
            self._only_data()
        else:
            for key in self.measure:
                check_choice("key in measure", key, Measuring.model_fields)
            for axis in self.key_columns:
                check_axis("axis", axis, (*sorted(AXES), *FOUND))
            if self.moment and "epoch" in (*self.rows_per, *self.columns, *self.predictions):
                raise ValueError("moment makes the column epoch: no rows_per epoch, and no column of that name")
            if self.best:
                check_axis("axis in best.along", self.best.along, self.key_columns)
                if len(self.key_columns) < 2:
                    raise ValueError("best needs an axis beside the one of which the best value is kept")
                for column in self.best.by:
                    check_choice("column in best.by", column, self.columns)
            for prediction in self.predictions.values():
                for column in PREDICTIONS[prediction.theory].columns:
                    check_choice(f"column for theory {prediction.theory}", column, self.columns)
                for axis in PREDICTIONS[prediction.theory].axes:
                    if axis not in self.key_columns:
                        raise ValueError(f"theory {prediction.theory} needs the key column {axis}")
                for axis in prediction.at:
                    check_axis("axis in at", axis, self.key_columns)
        return self

    def _only_data(self) -> None:
        for axis in self.key_columns:
            check_choice("axis of a table of draws", axis, drawn.Subset.model_fields)
        for name, column in self.columns.items():
            check_choice(f"metric of a table of draws, in column {name},", column.metric, OF_IMAGES)
            if column.model_fields_set != {"metric"}:
                raise ValueError(f"column {name} of a table of draws names a metric, and nothing else")
        if self.rows_per or self.best or self.predictions or self.inside or self.moment or self.measure:
            raise ValueError(
                "a table of draws has no network: no rows_per, moment, best, predictions, inside or measure"
            )
