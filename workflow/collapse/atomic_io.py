"""Reading and writing results: whole files or none, and one clear error for a damaged one."""

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from collapse.strict import UserError


class DamagedFile(UserError, RuntimeError):
    """A file of results that can not be read: the message names it and the remedy."""


class NotWritten(UserError, RuntimeError):
    """A file of results that can not be written, as on a full disk: an older file of that name is kept."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path: renamed to `path` when the block ends well, deleted when the block raises.

    The file is on the disk before it gets its name, and its name before this returns: without that, a power cut can
    leave an empty file under the name (some 4 ms a file, and a run has a dozen).
    Raises NotWritten for a full disk, a read-only folder and the like.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _sync(part)
        os.replace(part, path)
        with suppress(OSError):  # not every file system can
            _sync(path.parent)
    except OSError as error:
        raise NotWritten(
            f"{path} could not be written ({error}): mend that, and run again; nothing finished is lost"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_json(path: Path, data: Any) -> None:
    """Write `data` as indented JSON."""
    with replacing(path) as part:
        part.write_text(json.dumps(data, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Parse a JSON file; raises DamagedFile."""
    try:
        return json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise DamagedFile(f"{path} can not be read ({error}): delete it, and run again to make it anew") from None


def write_csv(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> None:
    """Write rows below a header. Floats keep every digit."""
    with replacing(path) as part, part.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def sha256(path: Path) -> str:
    """Checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
