"""A study -> its trials' runs, and the study's journal; a worker's share of the trials.

Killed and started again, it goes on: a trial that was running is made again, from its run's last saved state.
"""

import argparse
import sys
from pathlib import Path

from collapse.atomic_io import write_json
from collapse.studies.spec import Study
from scripts import add_machine_arguments

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--study", type=Study.model_validate_json, required=True, help="JSON of a Study")
parser.add_argument("--worker", type=int, required=True, help="number of the worker, from 0")
parser.add_argument("--journal", type=Path, required=True, help="file that the study's workers share")
parser.add_argument("--dataset", type=Path, required=True, help="manifest.json of the prepared dataset")
parser.add_argument("--results", type=Path, required=True, help="results folder: runs go below runs/")
parser.add_argument("--out", type=Path, required=True, help="JSON of the worker's trials")
parser.add_argument("--save-every", type=float, default=30.0, help="seconds between saved states of a training")
add_machine_arguments(parser)

if __name__ == "__main__":
    args = parser.parse_args()
    from collapse.studies.trainer import Stopped, Trainer
    from collapse.studies.worker import work
    from collapse.training.workers import Machine

    machine = Machine(args.device, args.gpus, args.jobs_per_gpu, args.locks, 1, args.threads)
    trainer = Trainer(args.study, args.dataset.parent, args.results, machine, args.save_every)
    try:
        trials = work(args.study, args.worker, args.journal, trainer.accuracy)
    except Stopped as stopped:
        sys.exit(stopped.status)
    write_json(args.out, [{"values": trial.params, "objective": trial.value} for trial in trials])
