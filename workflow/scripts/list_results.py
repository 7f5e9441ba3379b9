"""List the contents of results/: number, size, and whether they may be deleted. Deletes nothing."""

import argparse
from pathlib import Path

from collapse.disk_usage import inventory, users
from collapse.project import plans_of, read_project

CONFIG = Path(__file__).parents[2] / "config"
HEADER = ("holds", "count", "MB", "may it be deleted?", "as")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--results", type=Path, help="a results folder; by default the configuration's")

if __name__ == "__main__":
    args = parser.parse_args()
    config, papers = read_project(CONFIG)
    results = args.results or Path(config.results)
    items = inventory(results, users(plans_of(config, papers), results / "runs"))
    rows = [(item.holds, str(len(item.paths)), f"{item.size / 1e6:.1f}", item.delete, item.paths[0]) for item in items]
    lines = [HEADER, *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
