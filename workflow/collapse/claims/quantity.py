"""The quantity that a claim is about, computed from a table: a value for every panel and seed."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from collapse.claims.language import EXTREMES, PAIRED, Claim, Condition, comparable, describe, matcher
from collapse.claims.verdict import MEDIAN_SEEDS
from collapse.strict import ConfigError


class NotRun(Exception):
    """The grid of this scale lacks the points that the claim is about; the message says which."""


def trend(place: np.ndarray, values: np.ndarray) -> float:
    """Kendall's tau-b of values (n,) with their places (n,) on an axis; 0 where either is constant."""
    if np.ptp(values) == 0 or np.ptp(place) == 0:
        return 0.0
    return float(stats.kendalltau(place, values)[0])  # pyright: ignore[reportArgumentType] (its decorator hides the tuple)


def rise(values: np.ndarray) -> float:
    """Greatest ratio of one of the values (n,) to the least until there; NaN where a value is not positive."""
    return float((values / np.minimum.accumulate(values)).max()) if values.min() > 0 else math.nan


def rank_correlation(values: np.ndarray, others: np.ndarray) -> float:
    """Spearman's correlation of values (n,) and others (n,); 0 where either is constant."""
    if np.ptp(values) == 0 or np.ptp(others) == 0:
        return 0.0
    return float(stats.spearmanr(values, others)[0])  # pyright: ignore[reportArgumentType] (likewise)


# By name: (places on the axis (n,), values (n,), values of with_column (n,)) -> a number (language.REDUCTIONS).
REDUCTIONS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "change": lambda place, values, others: values[-1] - values[0],
    "ratio": lambda place, values, others: values[-1] / values[0] if values[0] else math.nan,
    "factor": lambda place, values, others: values.max() / values.min() if values.min() else math.nan,
    "min_step": lambda place, values, others: np.diff(values).min(),
    "max_step": lambda place, values, others: np.diff(values).max(),
    "gain": lambda place, values, others: values.max() - values[0],
    "drop": lambda place, values, others: values.max() - values[-1],
    "greatest_distance": lambda place, values, others: np.abs(values).max(),
    "range": lambda place, values, others: np.ptp(values),
    "least_ratio": lambda place, values, others: values[1:].min() / values[0] if values[0] else math.nan,
    "rise": lambda place, values, others: rise(values),
    "argmax": lambda place, values, others: place[values.argmax()],
    "trend": lambda place, values, others: trend(place, values),
    "rank_correlation": lambda place, values, others: rank_correlation(values, others),
    "concordance": lambda place, values, others: trend(others, values),
}


def quantity(claim: Claim, table: pd.DataFrame, keys: Sequence[str], found_keys: Sequence[str] = ()) -> pd.DataFrame:
    """The claimed quantity: a row for every panel and seed, with the panel's axes, `seed` where the table has it,
    `value`, and `reason` where the value is NaN.

    `table` has a row for each combination of `keys` (and seed, if it was measured). Its optional columns `status` and
    `reason` say how the runs went and why values are missing (collapse.tables.seeds_table). `found_keys`: keys whose
    values no grid states. Raises NotRun where the grid of this scale lacks the points that the claim is about;
    ConfigError for a value of found_keys that is not in the table.
    """
    rows = select(with_value(claim, table), claim.where, keys, found_keys)
    if claim.seeds == "curve_of_medians":
        return over_medians(measured(claim, of_medians(rows, keys), keys), measured(claim, rows, keys))
    return measured(claim, rows, keys)


def measured(claim: Claim, rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The quantity of the rows that the claim selects."""
    pinned = {axis for axis, wanted in claim.where.items() if isinstance(wanted, str) and wanted in EXTREMES}
    compared = next(iter([*filter(None, [claim.across]), *claim.compare]), None)
    used = {*claim.mean_over, claim.across, *claim.compare, *claim.unmatched, *pinned}
    panels = [key for key in keys if key not in used]
    seed = ["seed"] if "seed" in rows else []
    if claim.mean_over:
        rows = mean_over(rows, claim.mean_over, compared, panels)
        others = [*panels, *seed, *filter(None, [claim.across]), *claim.compare]
        rows = reduce_groups(rows, others, value=lambda part: part.value.mean(), other=lambda part: part.other.mean())
    if claim.across:
        rows = across(claim, rows, [*panels, *seed, *claim.compare])
    for axis, places in claim.compare.items():
        check_matched(rows, axis, places, claim.unmatched)
        rows = compare(rows, axis, places, [*panels, *seed], claim.as_ratio)
    rows = complete(rows.loc[:, [*panels, *seed, "value", "reason"]], panels)
    return share(rows, claim.share_of_panels) if claim.share_of_panels else rows


def with_value(claim: Claim, table: pd.DataFrame) -> pd.DataFrame:
    """Add to the table `value`, the claimed quantity of a row, `other`, its with_column, and why they are missing."""
    value = number(table, claim.column)
    if claim.minus_column:
        value = value - number(table, claim.minus_column)
    if claim.ratio_to_column:
        value = value / number(table, claim.ratio_to_column)
    other = number(table, claim.with_column) if claim.with_column else value
    rows = table.assign(value=value.where(np.isfinite(value)), other=other.where(np.isfinite(other)))
    rows["reason"] = [
        why_missing(row, claim.columns) if pd.isna(row["value"]) or pd.isna(row["other"]) else ""
        for row in rows.to_dict("records")
    ]
    return rows


def number(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as numbers; raises ConfigError for a column that holds text, or does not exist."""
    try:
        return table.loc[:, column].astype(float)
    except KeyError:
        raise ConfigError(f"a claim is about the column {column}: its table has {', '.join(table)}") from None
    except ValueError as error:
        raise ConfigError(f"a claim is about the column {column}, which holds no numbers: {error}") from None


def why_missing(row: dict[str, Any], columns: Sequence[str]) -> str:
    """Why one of the columns has no value: the metric's own reason, else how the run went."""
    reason = row.get("reason")
    said = reason.split("; ") if isinstance(reason, str) else [""]  # an empty reason is read from a file as NaN
    for column in columns:
        own = [part.removeprefix(f"{column}: ") for part in said if part.startswith(f"{column}: ")]
        if own:
            return own[0]
    if row.get("status", "ok") != "ok":
        return said[0] if row["status"] in ("diverged", "untrained") else str(row["status"])
    return "a value is missing, or divided by zero"


def select(
    rows: pd.DataFrame, where: dict[str, Any], keys: Sequence[str], found_keys: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows that `where` asks for. Extremes are taken last, within each combination of the other keys."""
    extremes = {axis: wanted for axis, wanted in where.items() if isinstance(wanted, str) and wanted in EXTREMES}
    for axis, wanted in where.items():
        if axis in extremes:
            continue
        found, said = rows[axis].map(matcher(wanted)).astype(bool), f"{axis} {describe(wanted)}"
        if not bool(found.any()):
            there = ", ".join(map(str, rows[axis].unique()))
            if axis in found_keys:
                raise ConfigError(f"where: no row has {said}; there are {there}")
            raise NotRun(f"its grid has no {said}, only {there}")
        rows = rows.loc[found]
    others = [key for key in keys if key not in extremes]
    for axis, wanted in extremes.items():
        allowed = rows.loc[np.isfinite(rows[axis])] if wanted == "max_finite" else rows
        wanted = "max" if wanted == "max_finite" else wanted
        best = allowed.groupby(others, dropna=False)[axis].transform(wanted) if others else allowed[axis].agg(wanted)
        rows = allowed.loc[allowed[axis] == best]
    return rows


def of_medians(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The medians over the seeds, at each combination of `keys`; raises NotRun for fewer than MEDIAN_SEEDS, ConfigError
    for a table without seeds.
    """
    if "seed" not in rows:
        raise ConfigError("seeds: curve_of_medians is for a table of runs or draws, and this one has no seeds")
    if rows.seed.nunique() < MEDIAN_SEEDS:
        raise NotRun(f"a claim on medians needs {MEDIAN_SEEDS} seeds, {rows.seed.nunique()} ran")
    return reduce_groups(rows, keys, value=lambda part: part.value.median(), other=lambda part: part.other.median())


def over_medians(curve: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """The quantity of the curve of medians, in each panel, over the median of the seeds' quantities."""
    panels = [axis for axis in curve if axis not in ("value", "reason")]
    own = reduce_groups(seeds, panels, value=lambda part: part.value.median())
    merged = curve.merge(own, on=panels, suffixes=("", "_own")) if panels else curve.join(own.add_suffix("_own"))
    value = merged.value / merged.value_own.where(merged.value_own != 0)
    reason = merged.reason.where(merged.reason != "", merged.reason_own)
    reason = reason.where(value.notna() | (reason != ""), "the median of the seeds is 0")
    return merged.assign(value=value, reason=reason).loc[:, [*panels, "value", "reason"]]


def mean_over(rows: pd.DataFrame, axes: Sequence[str], compared: str | None, panels: Sequence[str]) -> pd.DataFrame:
    """Keep, in each panel, the rows at values of `axes` that occur at every value of the axis `compared`.

    Means over different values would differ by what was averaged, not only by what is compared.
    """
    if compared is None:
        return rows
    kept = []
    for _, panel in groups(rows, panels):
        sets = [set(part[list(axes)].itertuples(index=False, name=None)) for _, part in panel.groupby(compared)]
        shared = set.intersection(*sets)
        if not shared:
            raise NotRun(f"no {' and '.join(axes)} is shared by all values of {compared}")
        kept.append(panel[[place in shared for place in panel[list(axes)].itertuples(index=False, name=None)]])
    return pd.concat(kept)


def across(claim: Claim, rows: pd.DataFrame, others: Sequence[str]) -> pd.DataFrame:
    """The values along the axis `across` reduced to one, for each combination of `others`."""
    assert claim.across is not None  # quantity() asks for this of no other claim
    assert claim.reduce is not None  # given with across
    axis, function = claim.across, REDUCTIONS[claim.reduce]
    ordered = rows[axis].dtype != bool and pd.api.types.is_numeric_dtype(rows[axis])
    if claim.reduce not in PAIRED and not ordered:
        raise ConfigError(f"across: {axis} has no order, being {', '.join(map(str, rows[axis].unique()))}: use compare")
    if len(rows[axis].unique()) < 2:
        raise NotRun(f"its grid has a single {axis}, {rows[axis].iloc[0]}")

    def reduced(part: pd.DataFrame) -> float:
        part = part.sort_values(axis)
        if len(part) < 2:
            return math.nan
        places = part[axis].to_numpy(float) if ordered else np.arange(len(part))
        return function(places, part.value.to_numpy(float), part.other.to_numpy(float))

    result = reduce_groups(rows, others, value=reduced)
    result.loc[result.value.isna() & (result.reason == ""), "reason"] = f"fewer than 2 values of {axis}, or a zero"
    return result


def check_matched(rows: pd.DataFrame, axis: str, places: tuple[Any, Any], unmatched: Sequence[str]) -> None:
    """Raise ConfigError where several values of an unmatched axis are left at one of the compared places."""
    for name, place in itertools.product(unmatched, places):
        found = rows.loc[rows[axis] == comparable(place), name].unique()
        if len(found) > 1:
            there = ", ".join(map(str, found))
            raise ConfigError(f"unmatched: at {axis} {place}, `where` leaves several values of {name}: {there}")


def compare(
    rows: pd.DataFrame, axis: str, places: tuple[Any, Any], others: Sequence[str], as_ratio: bool = False
) -> pd.DataFrame:
    """The value at the second place on `axis` minus the value at the first; as_ratio: divided by it."""
    for place in places:
        if not (rows[axis] == comparable(place)).any():
            raise NotRun(f"its grid has no {axis} {place}")
    chosen = rows.loc[rows[axis].isin([comparable(place) for place in places])]

    def difference(part: pd.DataFrame) -> float:
        one, other = (part.value[part[axis] == comparable(place)] for place in places)
        if not len(one) == len(other) == 1 or (as_ratio and one.iloc[0] == 0):
            return math.nan
        return other.iloc[0] / one.iloc[0] if as_ratio else other.iloc[0] - one.iloc[0]

    result = reduce_groups(chosen, others, value=difference)
    lacking = f"not both of {places[0]} and {places[1]}" + (f", or 0 at {places[0]}" if as_ratio else "")
    result.loc[result.value.isna() & (result.reason == ""), "reason"] = lacking
    return result


def reduce_groups(
    rows: pd.DataFrame, keys: Sequence[str], **functions: Callable[[pd.DataFrame], float]
) -> pd.DataFrame:
    """One row for each combination of `keys`, with the value of each of the named `functions` of its rows. If a row has
    a reason (its value is missing), the values are NaN, with that reason.
    """
    reduced = []
    for place, part in groups(rows, keys):
        reasons = [reason for reason in part.reason if reason]
        values = {name: math.nan if reasons else function(part) for name, function in functions.items()}
        reduced.append(dict(zip(keys, place, strict=True)) | values | {"reason": next(iter(reasons), "")})
    return pd.DataFrame(reduced)


def groups(rows: pd.DataFrame, keys: Sequence[str]) -> Iterable[tuple[Any, pd.DataFrame]]:
    """Each combination of `keys`, as a tuple, with its rows; without keys, () with all rows."""
    return rows.groupby(list(keys), dropna=False, sort=False) if keys else [((), rows)]


def complete(rows: pd.DataFrame, panels: Sequence[str]) -> pd.DataFrame:
    """Add a row without a value for each seed that a panel lacks."""
    if "seed" not in rows:
        return rows
    lacking = []
    for place, panel in groups(rows, panels):
        for seed in sorted(set(rows.seed) - set(panel.seed)):
            here = dict(zip(panels, place, strict=True))
            lacking.append(here | {"seed": seed, "value": math.nan, "reason": f"no row of seed {seed}"})
    return pd.concat([rows, pd.DataFrame(lacking)], ignore_index=True) if lacking else rows


def share(rows: pd.DataFrame, condition: Condition) -> pd.DataFrame:
    """For each seed, the share of panels that satisfy the condition."""
    holds = condition.interval().holds
    seed = ["seed"] if "seed" in rows else []
    return reduce_groups(rows, seed, value=lambda part: float(np.mean([holds(value) for value in part.value])))
