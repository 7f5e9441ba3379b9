"""Check, before anything runs, that the values which a claim names on its table's axes exist."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from collapse.claims.language import EXTREMES, PAIRED, Claim, describe, matcher
from collapse.grid import FOUND, Axes, Point, combinations, resolve, split

if TYPE_CHECKING:
    from collapse.table import Table


def check_places(claim: Claim, table: "Table", grids: Iterable[tuple[tuple[Axes, ...], Axes]], name: str) -> None:
    """Raise ValueError where `where` or `compare` asks for a value that the table's grids lack at every scale (the
    message lists the values there are), or where `across` names an axis whose values have no order.

    grids: blocks and protocol of each scale.
    """
    grids = list(grids)
    for axis, wanted in [*claim.where.items(), *((axis, [one]) for axis, two in claim.compare.items() for one in two)]:
        if isinstance(wanted, str) and wanted in EXTREMES:
            continue
        there = values_of(axis, table, grids)
        if there is not None and not any(map(matcher(wanted), there)):
            listed = ", ".join(sorted(map(str, there)))
            raise ValueError(
                f"{name}: no grid of {claim.table} has {axis} {describe(wanted)}, at any scale; valid: {listed}"
            )
    if claim.across and claim.reduce not in PAIRED:
        there = values_of(claim.across, table, grids) or ()
        words = [value for value in there if isinstance(value, str | bool | list)]
        if words:
            raise ValueError(
                f"{name}: across {claim.across} has no order, being {', '.join(map(str, words))}: use compare"
            )


def values_of(axis: str, table: "Table", grids: list[tuple[tuple[Axes, ...], Axes]]) -> list[Any] | None:
    """Every value of a table's axis, over all scales; None for an axis whose values only the finished table shows."""
    if axis == "bn_mode":
        return ["eval", "train"]
    if axis == "moment":
        return list(table.moment)
    if axis == "chosen_by":
        assert table.best  # without it, chosen_by is no key
        return list(table.best.by)
    found: list[Any] = []
    for blocks, protocol in grids:
        if axis in table.found_keys(blocks):
            return None
        for block in blocks:
            found += [value for value in block_values(axis, block, protocol) if value not in found]
    return found


def block_values(axis: str, block: Axes, protocol: Axes) -> Iterator[Any]:
    """Values of an axis in one block: the block's own, else the measured epochs or the default of its recipes."""
    given, renamed = split(block)
    if axis in renamed:
        yield renamed[axis]
    elif axis in given:
        values = given[axis] if isinstance(given[axis], list) else [given[axis]]
        yield from (float("inf") if value == "inf" else value for value in values)
    elif axis == "epoch":
        for axes in combinations(given):
            yield from resolve(axes, protocol, "")[0].checkpoint_epochs()
    elif "model" in given:
        # What a recipe implies, as the number of classes, may differ within a block; a default does not.
        every = combinations(given) if axis in FOUND else [next(combinations(given))]
        yield from (Point(axes, *resolve(axes, protocol, "")).value(axis) for axes in every)
