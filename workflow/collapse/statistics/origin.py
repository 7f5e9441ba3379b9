"""What a file of statistics was made from, which decides whether it has to be made again; read without torch."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from collapse.atomic_io import sha256
from collapse.measuring import Measuring


def origin(folder: Path, measuring: Measuring) -> dict[str, str]:
    """Metadata of a run's statistics: the run they come from, and the identity of the measuring."""
    return {"run_sha256": sha256(folder / "run.json"), "measuring": measuring.identity()}


def measured(path: Path, folder: Path, measuring: Measuring) -> bool:
    """Whether a file holds the statistics of the run in `folder`, measured so."""
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        return False  # damaged: measured again
    return origin(folder, measuring).items() <= metadata.items()
