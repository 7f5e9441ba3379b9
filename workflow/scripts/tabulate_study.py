"""trials.csv and best.json of studies -> a tidy table, a row for each trial and searched axis."""

import argparse
import json
from pathlib import Path

from collapse.studies.table import trials_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--trials", type=Path, nargs="+", required=True)
parser.add_argument("--best", type=Path, nargs="+", required=True)
parser.add_argument("--keys", type=json.loads, required=True, help="JSON list of key columns and values, one a study")
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    trials_table(args.trials, args.best, args.keys).to_csv(args.out, index=False)
