"""The journal of a study: a file of Optuna's, shared by the study's workers."""

from pathlib import Path

import optuna
from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from collapse.training.locks import kernel_lock


class KernelLock:
    """A lock that the kernel releases: Optuna's own, files whose presence is the lock, outlive a kill -9.

    It has the methods of Optuna's BaseJournalFileLock, which is not public.
    """

    def __init__(self, lock: FileLock):
        self.lock = lock

    def acquire(self) -> bool:
        """Wait for the lock."""
        self.lock.acquire(blocking=True)
        return True

    def release(self) -> None:
        """Give it back."""
        self.lock.release()


def open_study(journal: Path, name: str) -> optuna.Study:
    """The study of that name in a journal, new or begun; its objective is maximised."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    lock = kernel_lock(journal.with_name(f"{journal.name}.lock"))
    with lock.acquire(blocking=True):
        mend(journal)
    storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=KernelLock(lock)))  # pyright: ignore[reportArgumentType]
    return optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def mend(journal: Path) -> None:
    """Cut off a last line that was not written whole: the process that wrote it was killed, and will do it again."""
    if journal.exists():
        whole = journal.read_bytes().rpartition(b"\n")
        if whole[2]:
            with journal.open("r+b") as file:
                file.truncate(len(whole[0]) + len(whole[1]))
