"""List the contents of results/: number, size, and whether they may be deleted. Deletes nothing."""

import argparse
from pathlib import Path

from collapse.config import load_config
from collapse.disk_usage import inventory
from collapse.paper import load_paper
from collapse.plan import Plan
from collapse.strict import read_yaml

CONFIG = Path(__file__).parents[2] / "config"
HEADER = ("holds", "count", "MB", "may it be deleted?", "folder")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", type=Path, default=CONFIG / "config.yaml", help="what is asked for: seeds, protocol")
parser.add_argument("--results", type=Path, help="a results folder; by default the configuration's")

if __name__ == "__main__":
    args = parser.parse_args()
    config = load_config(read_yaml(args.config), CONFIG / "papers", str(args.config))
    papers = [load_paper(path) for path in sorted((CONFIG / "papers").glob("*.yaml"))]
    each = [(paper, scale) for paper in papers for scale in paper.scales]
    plans = [Plan(*paper_at, config.seeds, config.protocol) for paper_at in each]
    rows = inventory(args.results or Path(config.results), plans, config.seeds)
    lines = [HEADER, *((row.holds, str(row.count), f"{row.size / 1e6:.1f}", row.delete, row.folder) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
