"""Settings of a theory table -> the table, by the solver of that name."""

import argparse
import json
from pathlib import Path
from pkgutil import resolve_name

from collapse.theory.entries import SOLVERS

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--solver", choices=SOLVERS, required=True)
parser.add_argument("--settings", type=json.loads, required=True, help="JSON list of objects")
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    resolve_name(SOLVERS[args.solver].function)(args.settings).to_csv(args.out, index=False)
