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
    """The tables of measure() at several epochs, in one file with the columns of a run's metrics.csv."""

    def __init__(self, path: str | Path, resume: bool = False):
        """`resume`: keep the file's rows. Raises ValueError for another kind of file, and for any without `resume`."""
        self.path, self.epochs = Path(path), {}
        if self.path.exists() and not resume:
            raise ValueError(f"path {self.path} exists: delete it, name another, or keep its epochs with resume=True")
        if self.path.exists():
            table = pd.read_csv(self.path, dtype={"classes": str}, keep_default_na=False, na_values={"value": ["nan"]})
            if tuple(table.columns) != COLUMNS:
                raise ValueError(f"path {self.path} has the columns {list(table.columns)}, not {list(COLUMNS)}")
            self.epochs = {int(part.epoch.iloc[0]): part.drop(columns="epoch") for _, part in table.groupby("epoch")}

    def add(self, epoch: int, table: pd.DataFrame) -> None:
        """Add the table of an epoch, replacing an older one of that epoch, and write the whole file anew."""
        self.epochs[epoch] = table
        rows = [(epoch, *row) for epoch in sorted(self.epochs) for row in self.epochs[epoch].itertuples(index=False)]
        write_csv(self.path, COLUMNS, rows)

    def table(self) -> pd.DataFrame:
        """The rows of all epochs: `epoch`, then the columns of measure()."""
        parts = [part.assign(epoch=epoch).loc[:, list(COLUMNS)] for epoch, part in sorted(self.epochs.items())]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


class Monitor:
    """Measures a network during its training, at log-spaced epochs. Call it once at the end of each epoch.

        monitor = collapse.Monitor(model, train_loader, test_loader, path="collapse.csv", epochs=200)
        for _ in range(200):
            ...  # train for an epoch
            monitor()

    model, loader, test: as in measure(). options: the other arguments of measure().
    path: the file written after each measured epoch, tidy as a run's metrics.csv.
    epochs, count: measure at `count` log-spaced epochs from 1 to `epochs`, as Papyan et al. 2020 do. Without `epochs`,
        and beyond the last, measure twice in each doubling of the epoch's number: 1, 2, 3, 4, 6, 8, 11, ...
    resume: keep the file's epochs, for a training that goes on; each call then has to give its epoch.

    Measuring restores the model and PyTorch's random numbers on the CPU: the training is the same as without it.
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
        """Note that an epoch has ended, and measure if that epoch is due, or if `now`.

        epoch: the number of the epoch that ended, from 1; 0 is the untrained network. By default, the last number + 1.
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
        """The rows measured so far: epoch, split, layer, bn_mode, classes, metric, value, reason."""
        return self.written.table()


def log_spaced(epochs: int) -> set[int]:
    """0, and 2^(k/2) rounded, up to at least `epochs`."""
    return {0} | {round(2 ** (k / 2)) for k in range(2 * max(1, epochs).bit_length() + 1)}
