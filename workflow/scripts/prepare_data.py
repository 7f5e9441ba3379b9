"""Raw dataset -> {train,test}.safetensors and manifest.json."""

import argparse
import sys
from pathlib import Path

from collapse.data.prepare import DatasetUnavailable, load
from collapse.data.store import write_dataset

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--data-root", type=Path, required=True)
parser.add_argument("--download", choices=("True", "False"), required=True)
parser.add_argument("--out", type=Path, required=True, help="folder of the prepared dataset")

if __name__ == "__main__":
    args = parser.parse_args()
    try:
        splits = load(args.dataset, args.data_root, args.download == "True")
    except DatasetUnavailable as error:
        sys.exit(f"error: {error}")
    write_dataset(args.out, args.dataset, splits)
