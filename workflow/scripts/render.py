"""Tables -> a figure, drawn by its script under workflow/figures/."""

import argparse
import inspect
import json
import runpy
from functools import partial
from pathlib import Path

from collapse.plotting import render

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--figure", required=True, help="paper/figure; its script defines draw(table, ...) -> Figure")
parser.add_argument("--tables", type=Path, nargs="+", required=True)
parser.add_argument("--published", type=json.loads, default=[], help="JSON of what collapse.plan.Plan.published gives")
parser.add_argument("--out", type=Path, nargs="+", required=True, help="one file a format")

if __name__ == "__main__":
    args = parser.parse_args()
    script = Path(__file__).parents[1] / "figures" / f"{args.figure}.py"
    draw = runpy.run_path(str(script))["draw"]
    takes_published = "published" in inspect.signature(draw).parameters
    render(partial(draw, published=args.published) if takes_published else draw, args.tables, args.out)
