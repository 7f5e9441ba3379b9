"""Train the runs of a job, in turn or side by side; publish them when all have ended; stop on a signal.

SIGTERM and SIGINT stop a training at the end of its epoch, with the state saved. Started again, the job gives the same
runs as without the stop.
"""

import functools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from collapse.cpu import Cpu, read_cpu
from collapse.recipe import Recipe
from collapse.training.device import choose_device, share
from collapse.training.making import RunContext, Stopped, publish
from collapse.training.progress import Progress
from collapse.training.run import make_runs

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Task:
    """One run to train."""

    recipe: Recipe
    dataset: Path  # folder of the prepared dataset
    folder: Path  # of the run


@dataclass(frozen=True)
class Machine:
    """What the trainings of a job may use of the machine."""

    device: str
    gpus: int  # number that the job asked for; 0: device `auto` is the CPU
    jobs_per_gpu: int
    locks: Path  # folder of the machine's GPU locks
    workers: int  # runs trained side by side, each on a GPU of its own
    threads: int  # CPU threads, of all workers together
    say_every: float = 5.0  # seconds between the lines that tell a training's progress


def train_tasks(tasks: Sequence[Task], machine: Machine, save_every: float) -> int:
    """Train all runs and publish them; returns the exit status: 0, or the first worker's that is not 0.

    A signal gives the exit status 128 + its number. Runs that ended before the signal are not published: their state
    folders keep their run.json. The handlers of SIGTERM and SIGINT that this function sets stay until the process ends.
    """
    count = min(machine.workers, len(tasks))
    threads = max(1, machine.threads // count)
    shares = [functools.partial(train_in_turn, tasks[i::count], machine, threads, save_every) for i in range(count)]
    status = shares[0]() if count == 1 else side_by_side(shares)
    if status == 0:
        # Not before: Snakemake deletes what a failed job has newly written, with it the runs that were published.
        for task in tasks:
            publish(task.folder)
    return status


def train_in_turn(tasks: Sequence[Task], machine: Machine, threads: int, save_every: float) -> int:
    """Train runs on one device; returns 0, or 128 + the signal that stopped them.

    In a worker process, the parent's death (as by SIGKILL) stops the runs too: nobody would publish them.
    """
    torch.set_num_threads(threads)
    # Without batch norm a deep network's activations can vanish: computing with denormals takes three times as long.
    torch.set_flush_denormal(True)
    caught: list[int] = []
    parent = multiprocessing.parent_process()

    def stop() -> bool:
        return bool(caught) or (parent is not None and not parent.is_alive())

    try:
        with share(choose_device(machine.device, machine.gpus), machine.jobs_per_gpu, machine.locks) as device:
            # Catch signals only from here on: while the job waits for a GPU, it has nothing to save.
            for number in SIGNALS:
                signal.signal(number, lambda received, frame: caught.append(received))
            say_if_slow(tasks[0].recipe.protocol.dtype, device, read_cpu())
            make_runs([(task.recipe, context_of(task, device, save_every, machine.say_every, stop)) for task in tasks])
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 128 + (caught or [signal.SIGKILL])[0]
    return 0


def say_if_slow(dtype: str, device: torch.device, cpu: Cpu) -> None:
    """Print it where steps in bfloat16 are far slower than in float32."""
    if dtype == "bfloat16" and device.type == "cpu" and cpu.emulates_bfloat16:
        print(
            f"dtype: bfloat16 is far slower than float32 on this processor ({cpu.name}), which has no instructions for "
            f"it: train it on another, or in float32",
            file=sys.stderr,
            flush=True,
        )


def context_of(
    task: Task, device: torch.device, save_every: float, say_every: float, stop: Callable[[], bool]
) -> RunContext:
    """Surroundings of a task's training, which reports its progress by the names of the run's folders."""
    progress = Progress("/".join(task.folder.parts[-4:]), task.recipe.protocol.total_epochs, say_every)
    return RunContext(task.dataset, task.folder, device, save_every, stop, on_epoch=progress, log=progress.log)


def side_by_side(shares: Sequence[Callable[[], int]]) -> int:
    """Call each function in a process of its own and pass signals on; returns the first exit status that is not 0."""
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    workers = [context.Process(target=_exit_with, args=(share,)) for share in shares]
    for process in workers:
        process.start()

    def pass_on(received: int, frame: object) -> None:
        for process in workers:
            if process.pid and process.is_alive():  # the number of an ended process may be another's by now
                os.kill(process.pid, received)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    for process in workers:
        process.join()
    failed = [process.exitcode for process in workers if process.exitcode]
    if not failed:
        return 0
    return failed[0] if failed[0] > 0 else 128 - failed[0]


def _exit_with(function: Callable[[], int]) -> None:
    sys.exit(function())
