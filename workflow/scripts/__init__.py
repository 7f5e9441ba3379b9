"""The jobs' commands. An error whose message says what to do is printed without a traceback."""

import sys
from types import TracebackType

from collapse.strict import UserError

# Phrases by which NumPy, torch, CUDA and the dynamic linker report too little memory.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Unable to allocate", "failed to map segment")


def explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an uncaught error, in place of sys.excepthook: the message alone if it names the remedy."""
    if isinstance(error, MemoryError) or any(phrase in str(error) for phrase in OUT_OF_MEMORY):
        print(
            f"error: not enough memory ({str(error).splitlines()[0] if str(error) else kind.__name__}). Run fewer jobs "
            f"at a time (--cores), allow a job more, or choose a smaller batch_size; then run again: nothing finished "
            f"is lost",
            file=sys.stderr,
        )
    elif isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = explain
