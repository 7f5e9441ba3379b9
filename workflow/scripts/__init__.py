"""The jobs' commands. An error whose message says what to do is printed without a traceback."""

import sys
from argparse import ArgumentParser
from pathlib import Path
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


def add_machine_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that say what a job may use of its machine: device, gpus, jobs_per_gpu, locks, threads."""
    parser.add_argument("--device", required=True)
    parser.add_argument("--gpus", type=int, default=1, help="GPUs the job asked for; 0: auto is the CPU")
    parser.add_argument("--jobs-per-gpu", type=int, default=1, help="jobs that may share a GPU")
    parser.add_argument("--locks", type=Path, required=True, help="folder of the machine's GPU locks")
    parser.add_argument("--threads", type=int, required=True, help="CPU threads, of all workers together")
