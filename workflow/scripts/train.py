"""A recipe -> trained runs: recipe.json, rows.csv, history.csv, checkpoints/, run.json in each run's folder.

Finished runs are skipped. Killed and started again, it goes on from the last saved state. On SIGTERM or SIGINT it saves
the state at the end of the epoch and exits with 128 + the signal's number.
"""

import argparse
import json
import sys
from pathlib import Path

from collapse.recipe import Recipe, Seeds
from collapse.runs import finished, seed_of
from scripts import add_machine_arguments

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--recipe", type=json.loads, required=True, help="collapse.identity.identity of a Recipe")
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--out", type=Path, nargs="+", required=True, help="run.json in each run's folder, .../seed-<s>/")
parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saved states")
parser.add_argument("--say-every", type=float, default=5.0, help="seconds between lines that tell the progress")
add_machine_arguments(parser)
parser.add_argument("--workers", type=int, default=1, help="runs trained side by side, each on a GPU of its own")

if __name__ == "__main__":
    args = parser.parse_args()
    recipe, dataset = Recipe.model_validate(args.recipe | {"seeds": Seeds.all(0)}), args.dataset.parent
    runs = [(recipe.at_seed(seed_of(path.parent)), path.parent) for path in args.out]
    missing = [(at_seed, folder) for at_seed, folder in runs if not finished(folder, at_seed, dataset)]
    if not missing:
        sys.exit(0)
    # Not earlier: importing torch takes longer than to see that there is nothing to do.
    from collapse.training.workers import Machine, Task, train_tasks

    machine = Machine(args.device, args.gpus, args.jobs_per_gpu, args.locks, args.workers, args.threads, args.say_every)
    tasks = [Task(at_seed, dataset, folder) for at_seed, folder in missing]
    sys.exit(train_tasks(tasks, machine, args.save_every))
