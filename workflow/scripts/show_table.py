"""CSV -> an HTML page that the report shows."""

import argparse
from pathlib import Path

from collapse.html_table import page

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--table", type=Path, required=True)
parser.add_argument("--title", required=True)
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    args.out.write_text(page(args.table, args.title))
