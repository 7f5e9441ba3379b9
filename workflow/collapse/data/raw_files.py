"""Files of published datasets, as torchvision lays them out: each whole, fetched again, or named with the remedy."""

from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path

from collapse.strict import UserError

REMEDY = "Remedy: point data_root in config/config.yaml at a folder that holds the dataset as torchvision lays it out"

# What torchvision raises for a download that is not what was published, the disk and the network.
NOT_FETCHED = (RuntimeError, OSError, HTTPException)


class DatasetUnavailable(UserError, RuntimeError):
    """A raw file is absent or damaged and may not, or could not, be downloaded: the message names it and the remedy."""


def fault(path: Path, md5: str) -> str:
    """What is wrong with a file that was published with this md5; empty if nothing is."""
    from torchvision.datasets.utils import check_integrity

    if not path.is_file():
        return f"{path.resolve()} is absent"
    try:
        return "" if check_integrity(path, md5) else f"{path.resolve()} has the wrong md5"
    except OSError as error:
        return f"{path.resolve()} can not be read ({error.strerror})"


def require(faults: Callable[[], Sequence[str]], download: bool, fetch: Callable[[], object]) -> None:
    """Download what is faulty: call `fetch` if `faults` finds any fault and `download` is true.

    Raises DatasetUnavailable, naming the first fault that is left.
    """
    found, failure, way = faults(), "", "allow the download (download: true)"
    if found and download:
        way = "run again"
        try:
            fetch()
        except NOT_FETCHED as error:
            reason, *_ = str(error).splitlines() or [type(error).__name__]
            failure = f", and could not be downloaded ({reason})"
        found = faults()
    if found:
        raise DatasetUnavailable(f"{found[0]}{failure}. {REMEDY}, or {way} on a machine with a network.")


def require_files(files: Sequence[tuple[Path, str]], download: bool, fetch: Callable[[], object]) -> None:
    """`require`, for files that are each known by their path and md5."""
    require(lambda: [found for path, md5 in files if (found := fault(path, md5))], download, fetch)
