"""metrics.csv of a run: every metric, from the run's statistics."""

from pathlib import Path

from collapse.atomic_io import write_csv
from collapse.measuring import Measuring
from collapse.metrics.groups import asked_groups, run_groups
from collapse.metrics.points import COLUMNS as POINT_COLUMNS
from collapse.metrics.points import points
from collapse.metrics.rows import Row, network_rows
from collapse.recipe import Recipe
from collapse.runs import POINTS
from collapse.tensors import read_tensors

COLUMNS = ("epoch", *Row._fields)


def measure_file(statistics: Path, path: Path) -> None:
    """Read a run's statistics and write its metrics.csv and, where samples are kept, points.csv beside it; raises
    DamagedFile.
    """
    tensors, metadata = read_tensors(statistics)
    recipe = Recipe.model_validate_json(metadata["recipe"])
    measuring = Measuring.identified(metadata["measuring"])
    layers, inside = (metadata[name].split() for name in ("layers", "layers_inside"))
    num_classes = recipe.num_labels()
    groups = run_groups(recipe, num_classes) | asked_groups(measuring.groups, num_classes)
    epochs = {int(name.partition("/")[0].removeprefix("epoch-")): name.partition("/")[0] for name in tensors}
    rows, pictured = [], []
    for number, epoch in sorted(epochs.items()):
        of_epoch = f"{epoch}/"  # with the slash: epoch-1000 is the beginning of epoch-10000
        found = {name.removeprefix(of_epoch): value for name, value in tensors.items() if name.startswith(of_epoch)}
        rows += [(number, *row) for row in network_rows(found, layers, inside, recipe, groups)]
        if measuring.samples:
            pictured += [(number, *point) for point in points(found, measuring.simplex_of)]
    if measuring.samples:
        write_csv(path.with_name(POINTS), ("epoch", *POINT_COLUMNS), pictured)
    write_csv(path, COLUMNS, rows)
