"""What a claim may say: the keys of a claim in a paper's file."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from collapse.strict import Choices, ConfigModel

ScaleName = Literal["demo", "small", "paper"]
SCALES: tuple[ScaleName, ...] = get_args(ScaleName)
EXTREMES = ("min", "max", "max_finite")  # values of an axis that `where` may ask for, in each combination of the others


def _number(value: Any) -> Any:
    """A number of a condition, which may be written as a fraction, as 6/9."""
    return float(Fraction(value)) if isinstance(value, str) and "/" in value else value


Number = Annotated[
    float,
    BeforeValidator(_number),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(-?[0-9]+/[0-9]+|-?inf)$"}]}, mode="validation"
    ),
]


class Interval(NamedTuple):
    """The values between low and high, which satisfy a condition; `closed`: low and high do too."""

    low: float
    high: float
    closed: bool

    def holds(self, value: float) -> bool:
        """Whether the interval contains `value`; it never contains NaN."""
        if self.closed:
            return self.low <= value <= self.high
        return self.low < value < self.high

    def room(self, value: float) -> float:
        """Distance from `value` to the nearer end, negative outside."""
        return min(value - self.low, self.high - value)


class Condition(ConfigModel):
    """What a claimed quantity has to satisfy: exactly one of its keys, and tolerance with near."""

    above: Number | None = Field(default=None, description="greater than this")
    at_least: Number | None = Field(default=None, description="this or greater")
    below: Number | None = Field(default=None, description="less than this")
    at_most: Number | None = Field(default=None, description="this or less")
    near: Number | None = Field(default=None, description="within tolerance of this")
    between: tuple[Number, Number] | None = Field(default=None, description="in this closed interval")
    drawn: Number | None = Field(
        default=None,
        description="this value lies in the central 95 % of a table's draws, of which 50 are needed",
    )
    tolerance: float = Field(default=0.0, ge=0, description="for near")

    @model_validator(mode="after")
    def _one(self) -> "Condition":
        given = self._given()
        if len(given) != 1:
            raise ValueError("give exactly one of above, at_least, below, at_most, near, between, drawn")
        if bool(self.tolerance) != (self.near is not None):
            raise ValueError("give tolerance with near, and with nothing else")
        if self.between and not self.between[0] < self.between[1]:
            raise ValueError("between needs its lower end first")
        return self

    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if name != "tolerance" and getattr(self, name) is not None]

    def interval(self) -> Interval:
        """The values that satisfy the condition; for `drawn` see collapse.claims.verdict.decide_drawn."""
        if self.near is not None:
            return Interval(self.near - self.tolerance, self.near + self.tolerance, closed=True)
        if self.between is not None:
            return Interval(*self.between, closed=True)
        low = next((value for value in (self.above, self.at_least) if value is not None), -math.inf)
        high = next((value for value in (self.below, self.at_most) if value is not None), math.inf)
        return Interval(low, high, closed=self.above is None and self.below is None)

    def __str__(self) -> str:
        """The condition in words."""
        signs = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
        (name,) = self._given()
        value = getattr(self, name)
        if name in signs:
            return f"{signs[name]} {value:g}"
        if name == "between":
            return f"{value[0]:g} to {value[1]:g}"
        return f"{value:g} within {self.tolerance:g}" if name == "near" else f"{value:g} is one of the draws"


class Published(ConfigModel):
    """What the paper says, and how that is known."""

    value: str = Field(description="the published value or statement; unverified when only recalled")
    source: str = Field(description="where it stands")


# How the values along the axis `across`, in the order of the axis, are reduced to one number.
REDUCTIONS = {
    "change": "last - first",
    "ratio": "last / first",
    "factor": "greatest / least",
    "min_step": "least difference of neighbours",
    "max_step": "greatest difference of neighbours",
    "gain": "greatest - first",
    "drop": "greatest - last",
    "greatest_distance": "greatest absolute value",
    "range": "greatest - least",
    "least_ratio": "least of the later values / first",
    "rise": "greatest ratio of a value to the least until there",
    "argmax": "where on the axis it is greatest, the first of equals",
    "trend": "Kendall's tau with the axis, 1 where it rises at every step, 0 where it is constant",
    "rank_correlation": "Spearman's correlation with with_column, 0 where either is constant",
    "concordance": "Kendall's tau with with_column, 0 where either is constant",
}
PAIRED = ("rank_correlation", "concordance")  # with another column: the axis needs no order


class ClaimEntry(ConfigModel):
    """A statement of the paper, as a quantity computed from one table and a condition on it.

    In this order: `where` selects rows; `minus_column` or `ratio_to_column` compare two columns; values are averaged
    over `mean_over`; `across` and `reduce` make one number of the values along an axis; `compare` takes the difference
    (`as_ratio`: the ratio) of two places. What is left is a value for every seed and panel, a combination of the axes
    not yet used up; `share_of_panels` makes one of the panels. (collapse.claims.quantity; the verdict:
    collapse.claims.verdict.)
    """

    RENAMED: ClassVar = {
        "over": "mean_over",
        "along": "across",
        "minus": "minus_column",
        "missing": "nothing: a missing value satisfies no condition",
    }

    statement: str = Field(description="what is claimed, in one sentence")
    table: str | None = Field(
        default=None, description="table that decides, one of the figure's; need not be said where it has only one"
    )
    column: str = Field(description="column of the table")
    minus_column: str | None = Field(default=None, description="what is claimed is of column less this one")
    ratio_to_column: str | None = Field(default=None, description="what is claimed is of column divided by this one")
    where: dict[str, Any] = Field(
        default={},
        description="axis: value, list of values, or condition as {at_least: 100}; max and min: the greatest and least "
        "value within each combination of the other axes, max_finite: the greatest that is not infinite",
    )
    mean_over: tuple[str, ...] = Field(
        default=(), description="axes to average over: those values of them that all that is compared has in common"
    )
    across: str | None = Field(
        default=None,
        description=f"axis along which the values are reduced to one; numeric, but for {' and '.join(PAIRED)}",
    )
    reduce: Annotated[str, Choices(REDUCTIONS)] | None = Field(
        default=None, description="how, in the axis' order: " + "; ".join(f"{k}: {v}" for k, v in REDUCTIONS.items())
    )
    with_column: str | None = Field(default=None, description=f"the other column of reduce: {' and '.join(PAIRED)}")
    compare: dict[str, tuple[Any, Any]] = Field(
        default={}, description="axis: [one, other]: what is claimed is of the value at the other less that at the one"
    )
    as_ratio: bool = Field(
        default=False, description="with compare: the value at the other over that at the one, not less it"
    )
    unmatched: tuple[str, ...] = Field(
        default=(),
        description="axes whose values need not be the same at both places of compare, as the smoothing that only one "
        "of two losses has: `where` leaves one value of them at each place",
    )
    share_of_panels: Condition | None = Field(
        default=None, description="what is claimed is of the share of panels that satisfy this condition"
    )
    seeds: Literal["each", "median", "curve_of_medians"] = Field(
        default="each",
        description="median: the median of the seeds alone decides; curve_of_medians: what is claimed is the curve of "
        "their medians' value over the median of their own; both need five seeds",
    )
    condition: Condition = Field(description="what the quantity has to satisfy")
    published: Published = Field(description="the paper's own value")
    scales: tuple[ScaleName, ...] = Field(default=SCALES, description="scales at which it is meant to show")

    @field_validator("where")
    @classmethod
    def _conditions(cls, where: dict[str, Any]) -> dict[str, Any]:
        for wanted in where.values():
            if isinstance(wanted, dict) and Condition.model_validate(wanted).drawn is not None:
                raise ValueError("where can not ask for draws")
        return where

    @model_validator(mode="after")
    def _sensible(self) -> "ClaimEntry":
        if bool(self.across) != bool(self.reduce):
            raise ValueError("give across and reduce together")
        if (self.reduce in PAIRED) != (self.with_column is not None):
            raise ValueError(f"give with_column with reduce: {' or '.join(PAIRED)}, and with nothing else")
        if len(self.compare) > 1:
            raise ValueError("compare takes one axis")
        if self.minus_column and self.ratio_to_column:
            raise ValueError("give minus_column or ratio_to_column, not both")
        used = [*self.mean_over, *filter(None, [self.across]), *self.compare, *self.unmatched]
        if len(set(used)) < len(used):
            raise ValueError("an axis is used once: in mean_over, across, compare or unmatched")
        if (self.unmatched or self.as_ratio) and not self.compare:
            raise ValueError("unmatched and as_ratio go with compare")
        if self.share_of_panels and self.share_of_panels.drawn is not None:
            raise ValueError("share_of_panels can not be a condition on draws")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the claim reads."""
        return tuple(filter(None, (self.column, self.minus_column, self.ratio_to_column, self.with_column)))


class Claim(ClaimEntry):
    """A claim with its place: the figure that shows it, and whose target checks it, and the table that decides."""

    figure: str
    table: str  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]


class ClaimsSpec(ConfigModel):
    """Specification for check_claims of a figure. By table: panel_keys, the columns that tell grid points apart, and
    found_keys, those keys whose values only the finished table shows.
    """

    paper: str
    scale: str
    claims: dict[str, Claim]
    panel_keys: dict[str, tuple[str, ...]]
    found_keys: dict[str, tuple[str, ...]] = Field(default={})


def comparable(value: Any) -> Any:
    """A value from a paper's file, converted to compare with a table's: "inf" becomes the number."""
    return math.inf if value == "inf" else value


def matcher(wanted: Any) -> Callable[[Any], bool]:
    """A test for the values of an axis that `where` asks for: a value, one of a list, or what satisfies a condition."""
    if isinstance(wanted, dict):
        interval = Condition.model_validate(wanted).interval()
        return lambda value: isinstance(value, int | float) and interval.holds(value)
    values = [comparable(value) for value in (wanted if isinstance(wanted, list | tuple) else [wanted])]
    return lambda value: (None if value != value else value) in values  # a table's empty cell is NaN


def describe(wanted: Any) -> str:
    """What `where` asks for, in words."""
    if isinstance(wanted, dict):
        return str(Condition.model_validate(wanted))
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return " or ".join("null" if value is None else str(value) for value in values)
