"""Raw dataset -> {train,test}.safetensors and manifest.json."""

import argparse
from pathlib import Path

from collapse.data.prepare import load
from collapse.data.store import write_dataset

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--data-root", type=Path, required=True)
parser.add_argument("--download", choices=("True", "False"), required=True)
parser.add_argument("--out", type=Path, required=True, help="folder of the prepared dataset")

if __name__ == "__main__":
    args = parser.parse_args()
    write_dataset(args.out, args.dataset, load(args.dataset, args.data_root, args.download == "True"))
