"""Grids: from the few lines of a paper's file to the recipe of every run."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import Field

from collapse.data.entries import DATASETS
from collapse.data.imbalance import Imbalance
from collapse.identity import cell_name
from collapse.measuring import Measuring
from collapse.models.entries import NETWORKS
from collapse.models.own import OwnNetworkOptions
from collapse.recipe import Labels, Recipe, Seeds
from collapse.strict import ConfigError, ConfigModel, check_choice, validate
from collapse.training.entries import LOSSES
from collapse.training.protocol import Protocol

Axes = dict[str, Any]

# The section of a recipe that holds each axis. Axis names are unique, so grids name no section.
SECTIONS: dict[str, list[type[ConfigModel]]] = {
    "imbalance": [Imbalance],
    "labels": [Labels],
    "protocol": [Protocol],
    "architecture": [*(entry.options for entry in NETWORKS.values()), OwnNetworkOptions],
}
UNVARIED = ("seeds", "kind", "versions", "own_dataset", "own_network")  # of a recipe, no axes of a grid
AXES = (
    {name: section for section, models in SECTIONS.items() for model in models for name in model.model_fields}
    | {name: "" for name in Recipe.model_fields if name not in (*SECTIONS, *UNVARIED)}
    | dict.fromkeys(Measuring.model_fields, "measuring")
)
# What a recipe implies, and a table may have as a key column.
FOUND = ("num_classes", "balance", "features", "cell")
# Keys of a block that are no axes: other names of axes, and the study that chooses further ones.
BLOCK_KEYS = ("rename", "from_study")
# Former names of axes and of a block's keys, and their present names.
RENAMED = {"labels": "rename"} | {
    old: new for models in SECTIONS.values() for model in models for old, new in model.RENAMED.items()
}


def check_axis(kind: str, name: str, choices: Iterable[str] = tuple(sorted(AXES))) -> str:
    """Return `name` if it is among `choices`, else raise ValueError with its present name, or the choices."""
    if name in RENAMED:
        raise ValueError(f"{kind} {name} is now {RENAMED[name]}")
    return check_choice(kind, name, choices)


def split(block: Axes) -> tuple[Axes, Axes]:
    """Split a block into its axes and its `rename`, which says what the table calls some of the axes."""
    return {axis: value for axis, value in block.items() if axis not in BLOCK_KEYS}, block.get("rename", {})


def spelled_out(block: Axes, place: str) -> Axes:
    """The block with every {logspace: [first, last, count]} as the list it stands for; raises ValueError."""
    return {
        axis: _logspace(value["logspace"], f"{place}, {axis}")
        if isinstance(value, dict) and set(value) == {"logspace"}
        else value
        for axis, value in block.items()
    }


def _logspace(given: Any, place: str) -> list[float]:
    """`count` numbers from first to last, with equal ratios, to 12 significant digits."""
    try:
        first, last, count = given
        if not (min(first, last) > 0 and isinstance(count, int) and count > 1):
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"{place}: logspace is [first, last, count], two positive numbers and how many") from None
    return [float(f"{first * (last / first) ** (i / (count - 1)):.12g}") for i in range(count)]


def combinations(block: Axes) -> Iterator[Axes]:
    """Every combination of the values of one block; a bare value is a list of one."""
    values = [value if isinstance(value, list) else [value] for value in block.values()]
    for chosen in itertools.product(*values):
        yield dict(zip(block, chosen, strict=True))


def resolve(
    axes: Axes, protocol: Axes, source: str, changes: Axes | None = None, measure: Axes | None = None
) -> tuple[Recipe, Measuring]:
    """The recipe of one grid point, at seed 0, and how its run is measured.

    `changes` (the user's, of the protocol) override `axes`, which override `protocol`, `measure` (the table's choices
    of measuring) and the dataset's defaults.
    Raises ConfigError naming `source` and the key when the point can not be run.
    """
    data: Axes = {"protocol": dict(protocol), "seeds": Seeds.all(0), "measuring": dict(measure or {})} | {
        name: {} for name in SECTIONS if name != "protocol"
    }
    for name, value in axes.items():
        try:
            section = AXES[check_axis("axis", name)]
        except ValueError as error:
            raise ConfigError(f"{source} can not be used:\n  {error}") from None
        (data[section] if section else data)[name] = value
    data["protocol"] |= changes or {}
    loss = data["protocol"].get("loss", "cross_entropy")
    if axes.get("smoothing") is not None and loss in LOSSES and not LOSSES[loss].smoothed:
        raise ConfigError(
            f"{source}, at {describe(axes)}, can not be used:\n  smoothing: {loss} has none. Give losses without it a "
            f"block of their own"
        )
    if data["imbalance"].get("ratio") == 1 and data["imbalance"].get("oversampling", 1) == 1:
        # With balanced classes k_major changes nothing: set it to K, so that all such grid points share one run.
        spec, classes = DATASETS.get(data.get("dataset", "")), data.get("classes")
        num_classes = spec.num_classes if spec else data["imbalance"].get("k_major")
        data["imbalance"]["k_major"] = len(classes) if isinstance(classes, list) else num_classes
    changed = f"--config protocol={{{describe(changes, ': ', ', ')}}} on " if changes else ""
    place = f"{changed}{source}, at {describe(axes)},"
    measuring = validate(Measuring, data.pop("measuring"), place)
    recipe = validate(Recipe, data, place)
    try:
        measuring.check(recipe)
    except ValueError as error:
        raise ConfigError(f"{place} can not be used:\n  {error}") from None
    return recipe.model_copy(update={"versions": recipe.current_versions()}), measuring


def describe(axes: Axes, is_: str = " ", and_: str = " ") -> str:
    """A grid point in words, for messages."""
    return and_.join(f"{name}{is_}{value}" for name, value in axes.items())


class Point(NamedTuple):
    """A grid point: its axes as the table names them, its runs' recipe at seed 0, and how the runs are measured."""

    axes: Axes
    recipe: Recipe
    measuring: Measuring

    def value(self, axis: str) -> Any:
        """The grid's own value of an axis, else the recipe's; None for an option that the network does not have.

        The grid's own first: a balanced run serves every k_major.
        """
        if axis in self.axes:
            return self.axes[axis]
        if axis == "cell":
            return cell_name(self.recipe)
        if axis in FOUND:
            return getattr(self.recipe, axis)
        section = AXES[axis]
        place = self.measuring if section == "measuring" else getattr(self.recipe, section) if section else self.recipe
        return place.get(axis) if isinstance(place, dict) else getattr(place, axis)


# Further axes of a grid point, from the study of that name.
Chooser = Callable[[str, Point], Axes]


class Grid(ConfigModel):
    """The runs of one table: blocks of axes whose lists are multiplied out, on one protocol.

    `rename` in a block says what the table calls an axis there, as {optimizer: momentum} for sgd with momentum;
    `from_study` names the study that chooses further axes.
    """

    blocks: tuple[Axes, ...]
    protocol: Axes
    changes: Axes = Field(default={})
    measure: Axes = Field(default={})
    source: str

    @property
    def studies(self) -> set[str]:
        """Names of the studies that choose axes of some blocks."""
        return {block["from_study"] for block in self.blocks if "from_study" in block}

    def points(self, choose: Chooser | None = None) -> Iterator[Point]:
        """Every grid point; raises ConfigError for one that can not be run. `choose`: of a grid with studies."""
        for block in self.blocks:
            given, renamed = split(block)
            for axes in combinations(given):
                point = self._point(axes)
                if "from_study" in block:
                    assert choose  # given for a grid with studies
                    chosen = choose(block["from_study"], point)
                    for axis in axes.keys() & chosen.keys():
                        raise ConfigError(
                            f"{self.source} can not be used:\n  {axis} is the study's: the block gives it too"
                        )
                    point = self._point(axes | chosen)
                yield point._replace(axes=point.axes | renamed)

    def _point(self, axes: Axes) -> Point:
        return Point(axes, *resolve(axes, self.protocol, self.source, self.changes, self.measure))
