"""Tables -> a figure, drawn by its script under workflow/figures/."""

import argparse
import runpy
from pathlib import Path

from collapse.plotting import render

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--script", type=Path, required=True, help="file that defines draw(table, ...) -> Figure")
parser.add_argument("--tables", type=Path, nargs="+", required=True)
parser.add_argument("--out", type=Path, nargs="+", required=True, help="one file a format")

if __name__ == "__main__":
    args = parser.parse_args()
    render(runpy.run_path(str(args.script))["draw"], args.tables, args.out)
