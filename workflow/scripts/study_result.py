"""A study's journal -> trials.csv and best.json."""

import argparse
from pathlib import Path

from collapse.studies.result import write_result
from collapse.studies.spec import Study

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--study", type=Study.model_validate_json, required=True, help="JSON of a Study")
parser.add_argument("--journal", type=Path, required=True)
parser.add_argument("--results", type=Path, required=True, help="results folder, with the trials' runs below runs/")
parser.add_argument("--out-trials", type=Path, required=True)
parser.add_argument("--out-best", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    write_result(args.study, args.journal, args.results, args.out_trials, args.out_best)
