"""metrics.csv of many runs -> a tidy table: one file over the seeds, one with each seed."""

import argparse
from pathlib import Path

from collapse.plan import TableSpec, read_plan
from collapse.runs import forget
from collapse.tables import count_points, points_table, seeds_table, summary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--spec", type=TableSpec.model_validate_json, required=True, help="JSON of collapse.plan.TableSpec")
parser.add_argument("--plan", type=Path, required=True, help="CSV of the table's runs")
parser.add_argument("--plan-sha256", required=True, help="checksum of that file")
parser.add_argument("--results", type=Path, required=True, help="results folder, with runs/ and data/ in it")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--out-seeds", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    runs = read_plan(args.plan, args.plan_sha256)
    read, summarise = (points_table, count_points) if args.spec.points else (seeds_table, summary)
    seeds = read(args.spec, runs, args.results)
    seeds.to_csv(args.out_seeds, index=False)
    summarise(seeds, args.spec).to_csv(args.out, index=False)
    for run in runs:  # not earlier: only now the jobs that made them are known to have succeeded
        forget(args.results / "runs" / run.folder, run.measuring)
