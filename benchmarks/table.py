"""The table a benchmark leaves: benchmarks/results/<name>.csv."""

import csv
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "results"


class Row(NamedTuple):
    """One comparison: what ours and the reference cost, measured in the same run, less being better."""

    case: str
    ours: float
    reference: float
    unit: str


def write(name: str, rows: list[Row]) -> None:
    """Write `rows` to benchmarks/results/<name>.csv and print them; ratio = reference / ours."""
    lines = [(*Row._fields, "ratio")]
    for row in rows:
        numbers = (f"{value:.4g}" for value in (row.ours, row.reference))
        lines.append((row.case, *numbers, row.unit, f"{row.reference / row.ours:.1f}"))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    print(path.read_text(encoding="utf-8"), end="")
