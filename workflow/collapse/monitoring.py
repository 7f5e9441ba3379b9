"""collapse.measure along a training: collapse.Monitor, and the table that it and collapse.checkpoints write."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from collapse.api import measure
from collapse.atomic_io import write_csv
from collapse.metrics.measure import COLUMNS
from collapse.training.schedule import measured_epochs


class EpochTable:
    """Tables of measure() of some epochs, in one file as a run's metrics.csv, written anew, whole, after each."""

    def __init__(self, path: str | Path, resume: bool = False):
        """Raises ValueError where the file exists, unless its rows are to be kept, and where it is no such table."""
        self.path, self.epochs = Path(path), {}
        if self.path.exists() and not resume:
            raise ValueError(f"path {self.path} exists: delete it, name another, or keep its epochs with resume=True")
        if self.path.exists():
            table = pd.read_csv(self.path, dtype={"classes": str}, keep_default_na=False, na_values={"value": ["nan"]})
            if tuple(table.columns) != COLUMNS:
                raise ValueError(f"path {self.path} has the columns {list(table.columns)}, not {list(COLUMNS)}")
            self.epochs = {int(part.epoch.iloc[0]): part.drop(columns="epoch") for _, part in table.groupby("epoch")}

    def add(self, epoch: int, table: pd.DataFrame) -> None:
        """Take in the table of an epoch, in place of what there was of it, and write them all."""
        self.epochs[epoch] = table
        rows = [(epoch, *row) for epoch in sorted(self.epochs) for row in self.epochs[epoch].itertuples(index=False)]
        write_csv(self.path, COLUMNS, rows)

    def table(self) -> pd.DataFrame:
        """All of them: the columns of measure() behind `epoch`."""
        parts = [part.assign(epoch=epoch).loc[:, list(COLUMNS)] for epoch, part in sorted(self.epochs.items())]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


class Monitor:
    """Measures a network as it is trained, at log-spaced epochs: called once at the end of each epoch, in any loop.

        monitor = collapse.Monitor(model, train_loader, test_loader, path="collapse.csv", epochs=200)
        for _ in range(200):
            ...  # train for an epoch
            monitor()

    model, loader, test: as measure() has them. options: the other arguments of measure().
    path: the file that is written, after each measured epoch; tidy, as a run's metrics.csv.
    epochs, count: measure at `count` log-spaced epochs from the first to the last of `epochs`, as Papyan et al. 2020
        do; without `epochs`, and beyond them, twice as often as the number of epochs doubles: 1, 2, 3, 4, 6, 8, 11, ...
    resume: keep the epochs that the file has, of a training that goes on; each call then has to say its epoch.

    Measuring leaves the model and PyTorch's random numbers on the CPU as they were: the training goes as without it.
    Raises ValueError for an unknown option, for a file that exists, and, when it measures, as measure() does.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        test: Iterable[Any] | None = None,
        *,
        path: str | Path = "collapse.csv",
        epochs: int | None = None,
        count: int = 20,
        resume: bool = False,
        **options: Any,
    ):
        known = measure.__kwdefaults__ or {}
        unknown = options.keys() - known.keys()
        if unknown:
            valid = ", ".join(known)
            raise ValueError(f"unknown option {', '.join(sorted(unknown))} of measure(); valid options: {valid}")
        self.model, self.loaders, self.options = model, (loader, test), options
        self.last = epochs or 0
        self.wanted = set(measured_epochs(epochs, count)) if epochs else set()
        self.written = EpochTable(path, resume)
        self.epoch: int | None = None if resume else 0

    def __call__(self, *, epoch: int | None = None, now: bool = False) -> pd.DataFrame | None:
        """Note that an epoch has ended, and measure if it is one of those to be measured, or `now`.

        epoch: its number, from 1, 0 standing for the network before its first; by default one more than before.
        Returns the epoch's table if it was measured.
        """
        if epoch is None:
            if self.epoch is None:
                raise ValueError("epoch= is wanted of a training that goes on: monitor(epoch=...), counted from 1")
            epoch = self.epoch + 1
        self.epoch = epoch
        if not (now or self.due(epoch)):
            return None
        table = measure(self.model, *self.loaders, **self.options)
        self.written.add(epoch, table)
        return table

    def due(self, epoch: int) -> bool:
        """Whether an epoch is to be measured."""
        return epoch in self.wanted if 0 < epoch <= self.last else epoch in log_spaced(epoch)

    @property
    def table(self) -> pd.DataFrame:
        """What was measured so far: epoch, split, layer, bn_mode, classes, metric, value, reason."""
        return self.written.table()


def log_spaced(epochs: int) -> set[int]:
    """0, and 2^(k/2) rounded, up to at least `epochs`."""
    return {0} | {round(2 ** (k / 2)) for k in range(2 * max(1, epochs).bit_length() + 1)}
