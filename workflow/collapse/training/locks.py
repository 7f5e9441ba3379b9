"""Locks that the kernel lets go of when the process ends, however it ends."""

from pathlib import Path

from filelock import FileLock


def kernel_lock(path: Path) -> FileLock:
    """The lock of a file, an flock: acquiring it raises Timeout at once when somebody else holds it.

    It has no substitute on file systems without flock: a file whose presence is the lock would outlive a kill -9. The
    file stays when the lock is released: else the next two processes could each lock a file of their own.
    """
    return FileLock(path, blocking=False, fallback_to_soft=False, preserve_lock_file=True)
