"""What a call of the workflow says: while it runs, how far it is; at its end, figures and verdicts, or what failed."""

import csv
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from collapse.duration import duration

VERDICTS_SHOWN = 3  # figures of which a call names every claim; of more, it counts them
LAST_LINES = 3  # of a failed job's log


class Training(NamedTuple):
    """A job that trains: whether it has ended, its runs, and its work by the plan, in any unit."""

    finished: bool
    runs: int
    work: float


class Listener(logging.Handler):
    """Hears from Snakemake's logger how a call goes, and says from time to time how many runs are trained.

    It keeps the rule and the logs of each job that `failed`, and whether the call was `interrupted` or had
    `nothing_to_do`.

    The time left is by the work that is left and the time that the finished work took. `trainings` gives the call's
    jobs that train.
    """

    def __init__(self, trainings: Callable[[], Iterable[Training]], say: Callable[[str], None], every: float = 15.0):
        super().__init__()
        self.trainings, self.say, self.every = trainings, say, every
        self.began = self.said = time.monotonic()
        self.trained = 0
        self.failed: dict[int, tuple[str, list[str]]] = {}  # by the job's number
        self.interrupted = self.nothing_to_do = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of what Snakemake logs."""
        event, said = getattr(record, "event", None), vars(record)
        self.nothing_to_do |= record.getMessage().startswith("Nothing to be done")
        if event == "job_error":
            self.failed[said["jobid"]] = said["rule_name"], list(said["log"])
        elif event == "job_info":  # a job starts: perhaps again, and most often because another one has ended
            self.failed.pop(said["jobid"], None)
            if time.monotonic() - self.said >= self.every:
                self._say_progress()

    def _say_progress(self) -> None:
        jobs = list(self.trainings())
        runs, trained = sum(job.runs for job in jobs), sum(job.runs for job in jobs if job.finished)
        if trained == self.trained:
            return
        self.said, self.trained = time.monotonic(), trained
        work, done = sum(job.work for job in jobs), sum(job.work for job in jobs if job.finished)
        left = (self.said - self.began) * (work - done) / done
        self.say(f"{trained} of {runs} runs trained" + (f", about {duration(left)} left" if left else ""))


def closing_lines(results: Path, figures: Sequence[tuple[str, str, Sequence[str]]]) -> list[str]:
    """What a call has made: of each figure (paper, name, tables) its files and the verdicts on its claims; of more
    than a few figures, for each paper the folder, how many claims hold, and those that do not.

    `results`: the scale's folder.
    """
    if len(figures) <= VERDICTS_SHOWN:
        return [line for figure in figures for line in _of_figure(results, *figure)]
    papers = dict.fromkeys(paper for paper, _, _ in figures)
    return [
        line
        for paper in papers
        for line in _of_paper(results, paper, [name for other, name, _ in figures if other == paper])
    ]


def _of_figure(results: Path, paper: str, figure: str, tables: Sequence[str]) -> list[str]:
    claims = results / "claims" / paper / f"{figure}.csv"
    return [
        f"{paper} {figure}: {results / 'figures' / paper / figure}.png",
        *(f"{'':>14}{results / 'tables' / paper / table}.csv" for table in tables),
        *(line for row in _read(claims) for line in verdict_lines(row)),
    ]


def _of_paper(results: Path, paper: str, figures: Sequence[str]) -> list[str]:
    rows = [row for figure in figures for row in _read(results / "claims" / paper / f"{figure}.csv")]
    counted = ", ".join(f"{count} {verdict}" for verdict, count in Counter(row["verdict"] for row in rows).items())
    drawn = f"{len(figures)} figure{'s' * (len(figures) > 1)} in {results / 'figures' / paper}"
    return [
        f"{paper}: {drawn}; {len(rows)} claims" + (f": {counted}" if counted else ""),
        *(line for row in rows if row["verdict"] == "fails" for line in verdict_lines(row)),
    ]


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def verdict_lines(row: dict[str, str]) -> list[str]:
    """A row of a table of claims in words: the verdict, the statement, what was measured and wanted; and the reason."""
    measured = f" ({float(row['ours']):.3g}, wanted {row['condition']}, n = {row['n']})" if row["ours"] else ""
    reason = [f"{'':>14}{row['reason']}"] if row["reason"] else []
    return [f"{row['verdict']:>12}: {row['statement']}{measured}", *reason]


def fault_lines(rule: str, logs: Iterable[str]) -> list[str]:
    """Of a job that failed: what it said that it could not do, or its last words, and where all of them are."""
    paths = [path for path in map(Path, logs) if path.exists()]
    lines = [line for path in paths for line in path.read_text(errors="replace").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("error: ")][-1:] or lines[-LAST_LINES:]
    return [f"failed: {rule}, of which {' '.join(logs)} says", *(f"  {line}" for line in said)]
