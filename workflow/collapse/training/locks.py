"""Locks that the kernel releases when the process ends, however it ends."""

from pathlib import Path

from filelock import FileLock


def kernel_lock(path: Path) -> FileLock:
    """The flock of a file; acquiring it raises Timeout at once if another process holds it.

    File systems without flock get no lock: a file whose presence is the lock would outlive a kill -9. Releasing the
    lock keeps the file, or the next two processes could each lock a file of their own.
    """
    return FileLock(path, blocking=False, fallback_to_soft=False, preserve_lock_file=True)
