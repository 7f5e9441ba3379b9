"""Claims: a quantity computed from a table, a condition on it, a verdict. One mechanism for every paper."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from collapse.paper import Claim, ClaimsSpec, Condition

COLUMNS = [
    "paper", "claim", "verdict", "statement", "published", "ours", "spread", "n",
    "condition", "at", "table", "source", "reason",
]  # fmt: skip

REDUCTIONS: dict[str, Callable[[pd.Series], float]] = {
    "min_step": lambda values: values.diff().min(),
    "max_step": lambda values: values.diff().max(),
    "range": lambda values: values.iloc[-1] - values.iloc[0],
    "gain": lambda values: values.max() - values.iloc[0],
    "factor": lambda values: values.max() / values.min(),
    "drop": lambda values: values.max() - values.iloc[-1],
}


def check(name: str, claim: Claim, table: pd.DataFrame | None, axes: list[str], scale: str) -> dict[str, Any]:
    """Verdict on one claim, as a row of claims.csv.

    `table` has a row for each combination of `axes` (and of seed, where it was measured). The quantity is computed for
    every seed and every panel (combination of the axes that the claim does not mention). A seed agrees when the
    condition is met in every panel. The claim holds when all seeds agree, fails when none does, and is inconclusive
    when they differ, when only one seed ran, or when a value is missing. ours, spread and n are those of the panel that
    comes closest to failing.
    """
    row = dict.fromkeys(COLUMNS, "") | {
        "claim": name,
        "statement": claim.statement,
        "table": claim.table,
        "published": claim.published.value,
        "source": claim.published.source,
        "condition": describe(claim.condition),
    }
    if scale not in claim.scales or table is None or (values := quantity(claim, table, axes)).empty:
        return row | {"verdict": "not run at this scale"}
    seeded = "seed" in table
    values["margin"] = values.value.map(lambda value: margin(claim.condition, value))
    panels = [axis for axis in values if axis not in ("seed", "value", "margin")]
    by_panel = values.groupby(panels, dropna=False) if panels else values.groupby(lambda _: "")
    worst = min((group for _, group in by_panel), key=lambda group: group.margin.min(skipna=False))
    row |= {
        "ours": worst.value.mean(),
        "spread": worst.value.std() if len(worst) > 1 else "",
        "n": worst.value.count(),
        "at": " ".join(f"{panel} {worst[panel].iloc[0]}" for panel in panels if values[panel].nunique() > 1),
    }
    agree = values.groupby("seed").margin.min() > 0 if seeded else pd.Series([values.margin.min() > 0])
    return row | _verdict(agree, bool(values.margin.isna().any()), seeded)


def _verdict(agree: pd.Series, missing: bool, seeded: bool) -> dict[str, str]:
    if missing:
        return {"verdict": "inconclusive", "reason": "a value is missing: a run failed, or the metric is undefined"}
    if seeded and len(agree) < 2:
        return {"verdict": "inconclusive", "reason": "one seed only"}
    if agree.all():
        return {"verdict": "holds"}
    if not agree.any():
        return {"verdict": "fails"}
    return {"verdict": "inconclusive", "reason": f"{agree.sum()} of {len(agree)} seeds agree"}


def quantity(claim: Claim, table: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The claimed quantity: a row for each seed and panel, in the column `value`; empty when no row is selected."""
    rows = table if claim.minus is None else table.assign(**{claim.column: table[claim.column] - table[claim.minus]})
    for axis, wanted in claim.where.items():
        wanted = getattr(rows[axis], wanted)() if wanted in ("min", "max") else wanted
        rows = rows[rows[axis].isin(wanted if isinstance(wanted, list) else [wanted])]
    used = {*claim.over, *claim.where, claim.along}
    panels = [axis for axis in (*axes, "seed") if axis in rows and axis not in used]
    # An axis pinned to one value by `where` is no panel; one that `where` leaves several values of still is.
    panels += [axis for axis in claim.where if axis in axes and axis not in (*claim.over, claim.along)]
    if rows.empty:
        return rows
    if claim.over:
        grouped = _grouped(rows, [*panels, *filter(None, [claim.along])])[claim.column]
        rows = grouped.agg(lambda values: values.mean(skipna=False)).reset_index()
    if claim.along:
        reduce = REDUCTIONS[claim.reduce]
        # A panel with a single point along the axis has no trend to speak of, but for a run that failed.
        ordered = _grouped(rows.sort_values(claim.along), panels).filter(
            lambda panel: len(panel) > 1 or panel[claim.column].isna().any()
        )
        values = _grouped(ordered, panels)[claim.column]
        values = values.apply(lambda part: reduce(part) if part.notna().all() else math.nan).reset_index()
        return values.rename(columns={claim.column: "value"})[[*panels, "value"]]
    return rows[[*panels, claim.column]].rename(columns={claim.column: "value"})


def _grouped(rows: pd.DataFrame, keys: list[str]):
    return rows.groupby(keys or (lambda _: 0), dropna=False)


def margin(condition: Condition, value: float) -> float:
    """How far inside the condition a value is; negative or zero outside, NaN for a missing one that may not be."""
    if math.isnan(value):
        return math.inf if condition.missing else math.nan
    if condition.above is not None:
        return value - condition.above
    if condition.below is not None:
        return condition.below - value
    if condition.near is not None:
        return condition.tolerance - abs(value - condition.near)
    low, high = condition.between
    return min(value - low, high - value)


def describe(condition: Condition) -> str:
    """The condition in words."""
    return _described(condition) + (", or missing" if condition.missing else "")


def _described(condition: Condition) -> str:
    if condition.above is not None:
        return f"> {condition.above:g}"
    if condition.below is not None:
        return f"< {condition.below:g}"
    if condition.near is not None:
        return f"{condition.near:g} within {condition.tolerance:g}"
    return f"{condition.between[0]:g} to {condition.between[1]:g}"


def check_all(spec: ClaimsSpec, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Verdicts on the claims of a figure, from its tables by name; a claim whose table is absent was not run."""
    rows = [
        check(name, claim, tables.get(claim.table), list(spec.axes.get(claim.table, ())), spec.scale)
        for name, claim in spec.claims.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS).assign(paper=spec.paper)
