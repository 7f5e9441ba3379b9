"""best.json of each study of a table -> what they chose, by the studies' hashes."""

import argparse
from pathlib import Path

from collapse.atomic_io import read_json, write_json

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--best", type=Path, nargs="+", required=True, help="<study>-<hash>/best.json")
parser.add_argument("--out", type=Path, required=True)

if __name__ == "__main__":
    args = parser.parse_args()
    write_json(args.out, {path.parent.name.rpartition("-")[2]: read_json(path)["values"] for path in args.best})
