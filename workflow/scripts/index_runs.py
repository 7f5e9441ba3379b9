"""Every run in results/ -> results/runs/index.csv: hash, status, what is not at its default, who asks for it, size."""

import argparse
import json
from collections import Counter
from pathlib import Path

from collapse.atomic_io import write_csv
from collapse.disk_usage import RUN, size, users
from collapse.identity import hash_in, identity
from collapse.project import plans_of, read_project
from collapse.runs import read_recipe
from collapse.strict import UserError

CONFIG = Path(__file__).parents[2] / "config"
COLUMNS = ("hash", "dataset", "model", "run", "seed", "status", "measurings", "tables", "MB", "recipe")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--results", type=Path, help="a results folder; by default the configuration's")


def status(folder: Path) -> str:
    """How the run ended; unfinished, or what is wrong with its files."""
    if not (folder / "run.json").exists():
        return "unfinished"
    return json.loads((folder / "run.json").read_text())["status"]


if __name__ == "__main__":
    args = parser.parse_args()
    config, papers = read_project(CONFIG)
    runs = (args.results or Path(config.results)) / "runs"
    asked = users(plans_of(config, papers), runs)
    rows = []
    for folder in sorted(runs.glob(RUN)):
        dataset, model, run, seed = folder.parts[-4:]
        tables = asked.get(folder.relative_to(runs).as_posix(), {})
        try:
            recipe, went = identity(read_recipe(folder)), status(folder)
        except UserError as error:
            recipe, went = "", str(error)
        measurings = " ".join(sorted(path.parent.name for path in folder.glob("*/metrics.csv")))
        named = " ".join(dict.fromkeys(name for names in tables.values() for name in names))
        rows.append(
            (
                *(hash_in(run), dataset, model, run, seed.removeprefix("seed-"), went, measurings, named),
                *(f"{size(folder) / 1e6:.2f}", recipe),
            )
        )
    write_csv(runs / "index.csv", COLUMNS, rows)
    counts = Counter(row[5] for row in rows)
    unused = sum(not row[7] for row in rows)
    print(f"{len(rows)} runs ({', '.join(f'{n} {name}' for name, n in counts.items())}), {unused} of no table")
    print(runs / "index.csv")
