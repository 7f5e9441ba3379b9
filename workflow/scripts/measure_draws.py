"""Prepared datasets -> a table measured on random subsets: one file with each draw, one over the draws."""

import argparse
from pathlib import Path

import pandas as pd

from collapse.plan import DrawsSpec
from collapse.statistics.drawn import measure_draws
from collapse.tables import summary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--spec", type=DrawsSpec.model_validate_json, required=True, help="JSON of collapse.plan.DrawsSpec")
parser.add_argument("--datasets", type=Path, required=True, help="folder of the prepared datasets")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--out-draws", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    rows = []
    for axes, subset in args.spec.subsets:
        metrics = {name: column.metric for name, column in args.spec.columns.items()}
        draws = measure_draws(subset, args.datasets / subset.dataset, args.spec.seeds, metrics.values())
        for seed, found in zip(args.spec.seeds, draws, strict=True):
            rows.append(axes | {"seed": seed} | {name: found[metric] for name, metric in metrics.items()})
    table = pd.DataFrame(rows)
    table.to_csv(args.out_draws, index=False)
    summary(table, args.spec).to_csv(args.out, index=False)
