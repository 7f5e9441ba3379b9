"""metrics.csv of many runs -> a tidy table: one file over the seeds, one with each seed."""

import argparse
from pathlib import Path

from collapse.plan import TableSpec
from collapse.tables import seeds_table, summary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--spec", type=TableSpec.model_validate_json, required=True, help="JSON of collapse.plan.TableSpec")
parser.add_argument("--runs", type=Path, required=True, help="folder above dataset/model/variant")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--out-seeds", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    seeds = seeds_table(args.spec, args.runs)
    seeds.to_csv(args.out_seeds, index=False)
    summary(seeds, args.spec).to_csv(args.out, index=False)
