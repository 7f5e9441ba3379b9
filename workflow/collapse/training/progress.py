"""Progress in occasional lines, so that several jobs can share a terminal and logs stay short."""

import sys
import time
from contextlib import suppress

from collapse.duration import duration
from collapse.training.loop import Epoch


class Progress:
    """Print at most one line every `every` seconds, and the last epoch of a training that was longer than that."""

    def __init__(self, name: str, epochs: int, every: float):
        self.name, self.epochs, self.every = name, epochs, every
        self.printed: float | None = None  # when; of a training that has not begun, nothing
        self.long = False

    def __call__(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""
        now = time.monotonic()
        if self.printed is None:
            self.printed = now
        if now - self.printed >= self.every or (self.long and epoch.epoch == self.epochs):
            self.printed, self.long = now, True
            left = epoch.seconds / epoch.epoch * (self.epochs - epoch.epoch)
            self.log(
                f"epoch {epoch.epoch:>{len(str(self.epochs))}}/{self.epochs}  "
                f"loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.3f}  {duration(left)} left"
            )

    def log(self, line: str) -> None:
        """Print a line about this run."""
        # A terminal that went away must not end a training, least of all while it saves its state.
        with suppress(BrokenPipeError):
            print(f"{self.name}  {line}", file=sys.stderr, flush=True)
