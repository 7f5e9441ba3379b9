"""Raw dataset -> {train,test}.safetensors and manifest.json."""

import argparse
import json
from functools import partial
from pathlib import Path

from collapse.data.own import OwnDataset, classes_in
from collapse.data.prepare import load, load_own
from collapse.data.store import write_dataset
from collapse.runs import check_images

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--own", type=json.loads, help="OwnDataset, as JSON: images of one's own")
parser.add_argument("--data-root", type=Path, required=True)
parser.add_argument("--download", choices=("True", "False"), required=True)
parser.add_argument("--runs", type=Path, required=True, help="folder of all runs: those of other images are named")
parser.add_argument("--out", type=Path, required=True, help="folder of the prepared dataset")

if __name__ == "__main__":
    args = parser.parse_args()
    own = OwnDataset.model_validate(args.own) if args.own else None
    splits = load_own(own) if own else load(args.dataset, args.data_root, args.download == "True")
    classes = classes_in(own.path) if own and own.folder else ()
    write_dataset(args.out, args.dataset, splits, classes, partial(check_images, args.runs, args.dataset))
