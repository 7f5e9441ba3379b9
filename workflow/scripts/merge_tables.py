"""CSV files with the same columns -> one."""

import argparse
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--tables", type=Path, nargs="+", required=True)
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    # Read as text, so that numbers are copied exactly as they were written.
    pd.concat([pd.read_csv(table, dtype=str) for table in args.tables]).to_csv(args.out, index=False)
