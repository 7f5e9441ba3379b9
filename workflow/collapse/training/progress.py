"""Progress in occasional lines, so that several jobs can share a terminal and logs stay short."""

import sys
import time
from contextlib import suppress

from collapse.training.loop import Epoch


class Progress:
    """Print the first epoch, the last, and at most one line every `every` seconds between."""

    def __init__(self, name: str, epochs: int, every: float = 5.0):
        self.name, self.epochs, self.every = name, epochs, every
        self.printed = -every

    def __call__(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""
        now = time.monotonic()
        if epoch.epoch in (1, self.epochs) or now - self.printed >= self.every:
            self.printed = now
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


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 12 s, 3 min 05 s, 2 h 10 min."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
