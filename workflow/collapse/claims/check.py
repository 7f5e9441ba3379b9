"""Verdicts on claims, as rows of claims.csv."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from collapse.claims.language import Claim, ClaimsSpec
from collapse.claims.quantity import NotRun, quantity, select
from collapse.claims.verdict import NOT_RUN, Panel, decide
from collapse.strict import ConfigError

COLUMNS = [
    "paper", "claim", "verdict", "statement", "published", "ours", "spread", "n",
    "condition", "at", "reason", "figure", "table", "source",
]  # fmt: skip


def check(
    name: str,
    claim: Claim,
    table: pd.DataFrame | None,
    keys: Sequence[str],
    scale: str,
    found_keys: Sequence[str] = (),
) -> dict[str, Any]:
    """Verdict on one claim, as a row of claims.csv. Its ours (mean, or median), spread and n describe the deciding
    panel, which `at` names. Every verdict but a plain "holds" has a reason.

    table, keys, found_keys: as in collapse.claims.quantity; table is None where this scale has no grid for it.
    """
    row = dict.fromkeys(COLUMNS, "") | {
        "claim": name,
        "statement": claim.statement,
        "figure": claim.figure,
        "table": claim.table,
        "published": claim.published.value,
        "source": claim.published.source,
        "condition": str(claim.condition),
    }
    if scale not in claim.scales:
        return row | {"verdict": NOT_RUN, "reason": f"it is meant for scale {' and '.join(claim.scales)}"}
    if table is None:
        return row | {"verdict": NOT_RUN, "reason": f"table {claim.table} has no grid here"}
    try:
        values = quantity(claim, table, keys, found_keys)
    except NotRun as lacking:
        return row | {"verdict": NOT_RUN, "reason": str(lacking)}
    seeded, median = "seed" in values, claim.seeds == "median"
    decided = decide(claim.condition, panels_of(values), seeded, median)
    panel = decided.panel
    return row | {
        "verdict": decided.verdict,
        "ours": np.median(panel.present) if median and len(panel.present) else panel.mean,
        "spread": panel.spread if len(panel.present) > 1 else "",
        "n": len(panel.present),
        "at": panel.at,
        "reason": "; ".join(filter(None, [decided.reason, untrained(select(table, claim.where, keys))])),
    }


def panels_of(values: pd.DataFrame) -> list[Panel]:
    """The panels of a quantity. A panel's name leaves out axes that have one value in all panels."""
    axes = [axis for axis in values if axis not in ("seed", "value", "reason")]
    told = [axis for axis in axes if len(values[axis].unique()) > 1]
    parts = values.groupby(axes, dropna=False, sort=False) if axes else [((), values)]
    return [
        Panel(
            at=" ".join(f"{axis} {part[axis].iloc[0]}" for axis in told),
            values=part.value.to_numpy(float),
            reasons=tuple(part.reason),
        )
        for _, part in parts
    ]


def untrained(rows: pd.DataFrame) -> str:
    """How many rows come from untrained runs (which learned nothing), and why, in words; empty for none."""
    if "status" not in rows:
        return ""
    idle = rows[rows.status == "untrained"]
    if idle.empty:
        return ""
    return f"{len(idle)} of {len(rows)} values are of runs that did not train ({idle.reason.iloc[0].split('; ')[0]})"


def check_all(spec: ClaimsSpec, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Verdicts on the claims of a figure, from its tables by name; "not run" for a claim whose table is absent."""
    rows = []
    for name, claim in spec.claims.items():
        keys, found = (list(part.get(claim.table, ())) for part in (spec.panel_keys, spec.found_keys))
        try:
            rows.append(check(name, claim, tables.get(claim.table), keys, spec.scale, found))
        except ConfigError as error:
            raise ConfigError(f"config/papers/{spec.paper}/paper.yaml, claims.{name}: {error}") from None
    return pd.DataFrame(rows, columns=COLUMNS).assign(paper=spec.paper)
