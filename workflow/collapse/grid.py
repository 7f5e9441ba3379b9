"""Grids: from the few lines of a paper's file to the recipe of every run."""

import itertools
import re
import string
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pydantic import Field, NonNegativeInt

from collapse.data.entries import DATASETS
from collapse.models.entries import NETWORKS
from collapse.recipe import Imbalance, Labels, Protocol, Recipe, Seeds
from collapse.strict import ConfigError, ConfigModel, check_choice, validate

Axes = dict[str, Any]
FOLDER = r"[A-Za-z0-9_][A-Za-z0-9_+.-]*"

# The section of a recipe that holds each axis. Axis names are unique, so grids and paths name no section.
SECTIONS: dict[str, list[type[ConfigModel]]] = {
    "imbalance": [Imbalance],
    "labels": [Labels],
    "protocol": [Protocol],
    "architecture": [entry.options for entry in NETWORKS.values()],
}
AXES = {name: section for section, models in SECTIONS.items() for model in models for name in model.model_fields} | {
    name: "" for name in Recipe.model_fields if name not in (*SECTIONS, "seeds", "version")
}
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
    return {axis: value for axis, value in block.items() if axis != "rename"}, block.get("rename", {})


def combinations(block: Axes) -> Iterator[Axes]:
    """Every combination of the values of one block; a bare value is a list of one."""
    values = [value if isinstance(value, list) else [value] for value in block.values()]
    for chosen in itertools.product(*values):
        yield dict(zip(block, chosen, strict=True))


def resolve(axes: Axes, protocol: Axes, source: str, changes: Axes | None = None) -> Recipe:
    """The recipe of one grid point, at seed 0.

    `changes` (the user's, of the protocol) override `axes`, which override `protocol` and the dataset's defaults.
    Raises ConfigError naming `source` and the key when the point can not be run.
    """
    data: Axes = {"protocol": dict(protocol), "seeds": Seeds.all(0)} | {
        name: {} for name in SECTIONS if name != "protocol"
    }
    for name, value in axes.items():
        try:
            section = AXES[check_axis("axis", name)]
        except ValueError as error:
            raise ConfigError(f"{source} can not be used:\n  {error}") from None
        (data[section] if section else data)[name] = value
    data["protocol"] |= changes or {}
    if data["imbalance"].get("ratio") == 1 and data["imbalance"].get("oversampling", 1) == 1:
        # With balanced classes k_major changes nothing: set it to K, so that all such grid points share one run.
        spec = DATASETS.get(data.get("dataset", ""))
        data["imbalance"]["k_major"] = spec.num_classes if spec else data["imbalance"].get("k_major")
    return validate(Recipe, data, f"{source}, at {describe(axes)},")


def describe(axes: Axes) -> str:
    """A grid point in words, for messages."""
    return " ".join(f"{name} {value}" for name, value in axes.items())


def axis_value(recipe: Recipe, name: str) -> Any:
    """Value of an axis in a resolved recipe; None for an option that the recipe's network does not have."""
    section = getattr(recipe, AXES[name]) if AXES[name] else recipe
    return section.get(name) if isinstance(section, dict) else getattr(section, name)


def subset_name(recipe: Recipe) -> str:
    """Name of the train subset a recipe takes: 7x140_3x2 for seven classes with 140 samples, then three with 2."""
    return "_".join(f"{len(list(group))}x{count}" for count, group in itertools.groupby(recipe.class_counts()))


# Beside the axes, folder names may use hidden_layers: by `layers` instead, existing runs would need new folder names.
NAMED_BY = {"hidden_layers": lambda recipe: None if (layers := axis_value(recipe, "layers")) is None else layers - 1}


def fields(template: str) -> list[str]:
    """The axes, or keys of NAMED_BY, that a path template names in braces."""
    return [field for _, field, _, _ in string.Formatter().parse(template) if field]


def variant_name(template: str, recipe: Recipe) -> str:
    """Fill in the template's axes. A part between underscores is dropped when it names an option that the recipe's
    network does not have, or that is null or empty.
    """
    parts = []
    for part in re.split(r"_(?![^{]*\})", template):
        values = {
            field: _in_a_name(NAMED_BY[field](recipe) if field in NAMED_BY else axis_value(recipe, field))
            for field in fields(part)
        }
        if all(values.values()):
            parts.append(part.format(**values))
    return "_".join(parts)


def _in_a_name(value: Any) -> str:
    """A value as part of a folder's name, empty for None."""
    if isinstance(value, list | tuple):
        return "-".join(map(str, value))
    return "" if value is None else str(value)


class Point(NamedTuple):
    """A grid point: its axes as the table names them, the folder of its runs, and their recipe at seed 0."""

    axes: Axes
    cell: str
    recipe: Recipe


class Grid(ConfigModel):
    """The runs of one table: blocks of axes whose lists are multiplied out, on one protocol, at each seed.

    `rename` in a block says what the table calls an axis there, as {optimizer: momentum} for sgd with momentum.
    """

    blocks: tuple[Axes, ...]
    protocol: Axes
    changes: Axes = Field(default={})
    seeds: tuple[NonNegativeInt, ...]
    variant: str
    source: str

    def points(self) -> Iterator[Point]:
        """Every grid point; raises ConfigError for one that can not be run."""
        for block in self.blocks:
            given, renamed = split(block)
            for axes in combinations(given):
                recipe = resolve(axes, self.protocol, self.source, self.changes)
                yield Point(axes | renamed, self._cell(recipe), recipe)

    def _cell(self, recipe: Recipe) -> str:
        """Folder of a recipe's seeds: dataset/model/variant, the variant template filled in.

        Raises ConfigError for a name that leaves this folder, or that a shell would need quoted.
        """
        name = variant_name(self.variant, recipe)
        if not re.fullmatch(FOLDER, name):
            raise ConfigError(
                f"{self.source}: variant makes the folder name {name!r}; use letters, digits, and _ + - . within"
            )
        return f"{recipe.dataset}/{recipe.model}/{name}"
