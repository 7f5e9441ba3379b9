"""What makes the run of a trial, and measures how good it is."""

import signal
from dataclasses import dataclass
from pathlib import Path

from collapse.metrics.measure import measure_file
from collapse.recipe import Recipe
from collapse.statistics.extract import extract_once
from collapse.studies.spec import SPLITS, Study, run_folder
from collapse.tables import read_metrics
from collapse.training.device import choose_device, share
from collapse.training.workers import SIGNALS, Machine, Task, train_tasks


class Stopped(Exception):
    """The worker was asked to stop, and exits with `status`. Started again, it goes on with the trial it was in."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Trainer:
    """Makes and measures trials' runs with what a job may use of the machine."""

    study: Study
    dataset: Path  # folder of the prepared dataset
    results: Path
    machine: Machine
    save_every: float

    def accuracy(self, recipe: Recipe) -> float:
        """Accuracy of a trial's run on the held-out samples; 0 for a run that diverged. Raises Stopped."""
        study = self.study
        folder = self.results / "runs" / run_folder(recipe)
        status = train_tasks([Task(recipe, self.dataset, folder)], self.machine, self.save_every)
        for number in SIGNALS:  # training's handlers only note a signal
            signal.signal(number, signal.SIG_DFL)
        if status:
            raise Stopped(status)
        statistics = folder / study.measuring.name / "statistics.safetensors"
        machine = self.machine
        with share(choose_device(machine.device, machine.gpus), machine.jobs_per_gpu, machine.locks) as device:
            extract_once(folder, self.dataset, study.measuring, statistics, device)
        metrics = statistics.with_name("metrics.csv")
        measure_file(statistics, metrics)
        values, _ = read_metrics(metrics)
        key = (recipe.protocol.total_epochs, SPLITS[study.objective], "network", "eval", "all", "accuracy")
        return values.get(key, 0.0)
