"""Tables of a figure -> verdicts on its claims, as CSV; and a line in the log for each claim."""

import argparse
from pathlib import Path

import pandas as pd

from collapse.claims.check import check_all
from collapse.claims.language import ClaimsSpec
from collapse.summary import verdict_lines

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "--spec", type=ClaimsSpec.model_validate_json, required=True, help="JSON of collapse.claims.language.ClaimsSpec"
)
parser.add_argument("--tables", type=Path, nargs="*", required=True, help="tables in the order of spec.panel_keys")
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    tables = dict(zip(args.spec.panel_keys, map(pd.read_csv, args.tables), strict=True))
    verdicts = check_all(args.spec, tables)
    verdicts.to_csv(args.out, index=False)
    for row in verdicts.astype(str).to_dict("records"):
        print("\n".join(verdict_lines(row)))
