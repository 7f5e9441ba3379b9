"""The table a benchmark leaves: benchmarks/results/<name>.csv."""

import csv
from pathlib import Path
from typing import NamedTuple

from collapse.cpu import read_cpu

RESULTS = Path(__file__).parent / "results"


class Row(NamedTuple):
    """One comparison, measured in the same run; ratio is how many times better ours is."""

    case: str
    ours: float
    reference: float
    unit: str
    ratio: float


def write(name: str, rows: list[Row]) -> None:
    """Write `rows` to benchmarks/results/<name>.csv and print them."""
    cpu = read_cpu()
    where = f"{cpu.name} ({cpu.vectors})"
    lines = [(r.case, f"{r.ours:.4g}", f"{r.reference:.4g}", r.unit, f"{r.ratio:.3g}", where) for r in rows]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([(*Row._fields, "processor"), *lines])
    print(path.read_text(encoding="utf-8"), end="")
