"""One metric of every run, a line each: make show METRIC=nc1 LAYER=features SPLIT=test."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from collapse.strict import UserError, check_choice

PLACES = ("layer", "split", "bn_mode", "classes")


class NoSuchRow(UserError, ValueError):
    """A metric, or a place of it, that no run has."""


def read(results: Path) -> pd.DataFrame:
    """Every metrics.csv of the results, with the run's folder; raises NoSuchRow where there is none."""
    files = sorted(results.glob("runs/*/*/*/seed-*/*/metrics.csv"))
    if not files:
        raise NoSuchRow(f"{results}/runs holds no metrics yet: make a figure first, as make fig6")
    tables = (pd.read_csv(path, dtype={"reason": str}).assign(run=str(path.parents[1])) for path in files)
    return pd.concat(tables).assign(run=lambda rows: rows.run.str.removeprefix(f"{results / 'runs'}/"))


def chosen(rows: pd.DataFrame, wanted: dict[str, str], epoch: int | None) -> pd.DataFrame:
    """The rows at the wanted places, of each run those of its last epoch, or of `epoch`.

    A place that is not named may have one value alone; raises NoSuchRow that lists those there are.
    """
    for place, value in wanted.items():
        if value:
            check(place, value, rows[place])
            rows = rows.loc[rows[place] == value]
    for place in PLACES:
        there = sorted(set(rows[place]))
        if len(there) > 1:
            raise NoSuchRow(f"say which {place.upper()}: {', '.join(there)}")
    if epoch is not None:
        check("epoch", epoch, rows.epoch)
        return rows.loc[rows.epoch == epoch]
    return rows.loc[rows.epoch == rows.groupby("run").epoch.transform("max")]


def check(place: str, value: str | int, there: Iterable[Any]) -> None:
    """Raise NoSuchRow where no run has the value."""
    try:
        check_choice(place, value, sorted(set(there)))  # pyright: ignore[reportArgumentType] (an epoch is a number)
    except ValueError as error:
        raise NoSuchRow(str(error)) from None


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--results", type=Path, default=Path("results"), help="a results folder")
parser.add_argument("--metric", required=True, help="a metric by its name in metrics.csv")
parser.add_argument("--layer", help="features, classifier, network, ...")
parser.add_argument("--split", help="train, test, held_out")
parser.add_argument("--bn-mode", default="", help="eval or train; default: eval where there is one")
parser.add_argument("--classes", default="all", help="classes that the metric is taken over")
parser.add_argument("--epoch", type=int, help="default: each run's last")

if __name__ == "__main__":
    args = parser.parse_args()
    try:
        rows = read(args.results)
        check("metric", args.metric, rows.metric)
        rows = rows.loc[rows.metric == args.metric]
        mode = args.bn_mode or ("eval" if (rows.bn_mode == "eval").any() else "")
        wanted = {"layer": args.layer, "split": args.split, "bn_mode": mode, "classes": args.classes}
        shown = chosen(rows, wanted, args.epoch)
    except NoSuchRow as error:
        sys.exit(f"error: {error}")
    for row in shown.drop_duplicates("run").to_dict("records"):
        value = f"{row['value']:.6g}" if pd.notna(row["value"]) else f"none ({row['reason']})"
        print(f"{value:>12}  epoch {row['epoch']:>4}  {row['run']}")
