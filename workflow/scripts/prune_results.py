"""Delete what no table of any paper and scale asks for: runs, measurings, left states, results of earlier versions.

Says what it would delete, and deletes it with --yes alone. The seeds and the protocol are those of config/config.yaml.
"""

import argparse
import fcntl
import shutil
from pathlib import Path

from collapse.disk_usage import inventory, users
from collapse.project import plans_of, read_project

CONFIG = Path(__file__).parents[2] / "config"
SHOWN = 5  # of each kind

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--results", type=Path, help="a results folder; by default the configuration's")
parser.add_argument("--yes", action="store_true", help="delete")


def delete(path: Path) -> bool:
    """Delete a folder, and the folder above that it leaves empty; False for a run that a process works on."""
    if not (path / ".lock").exists():
        shutil.rmtree(path)
        return True
    with (path / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        shutil.rmtree(path)
    if not any(path.parent.iterdir()):
        path.parent.rmdir()
    return True


if __name__ == "__main__":
    args = parser.parse_args()
    config, papers = read_project(CONFIG)
    results = args.results or Path(config.results)
    items = inventory(results, users(plans_of(config, papers), results / "runs"))
    doomed = [item for item in items if item.prune]
    for item in doomed:
        print(f"{len(item.paths)} {item.holds}, {item.size / 1e6:.1f} MB:")
        for path in item.paths[:SHOWN]:
            print(f"    {path}")
        if len(item.paths) > SHOWN:
            print(f"    and {len(item.paths) - SHOWN} more")
    if not doomed:
        print("nothing to delete: tables ask for all that is here")
    elif not args.yes:
        print("Nothing was deleted. To delete all of it: make prune ARGS=--yes")
    else:
        kept = [path for item in doomed for path in item.paths if path.exists() and not delete(path)]
        for path in kept:
            print(f"kept, as a process works on it: {path}")
        print("deleted")
