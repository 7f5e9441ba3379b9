"""Write the generated documentation: the tables of README.md, config/README.md and docs/metrics.md (from the models of
the configuration, the results of benchmarks/ and the claims of docs/gallery/), and config/schemas/.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from collapse.claims.language import ClaimEntry, Condition, Published
from collapse.config import Config
from collapse.data.drawn import Subset
from collapse.data.imbalance import Imbalance
from collapse.data.own import OwnDataset, OwnImages
from collapse.measuring import Measuring
from collapse.metrics.entries import METRICS
from collapse.models.entries import NETWORKS
from collapse.models.options import NetworkOptions
from collapse.models.own import OwnBuilder, OwnNetwork
from collapse.paper import PublishedValues
from collapse.paper_files import FigureEntry, PaperFile, SameAs, ScaleFile, TableEntry, View
from collapse.recipe import Labels, Recipe
from collapse.strict import Choices
from collapse.studies.spec import Search, StudyEntry
from collapse.table import Best, Column, Prediction
from collapse.training.protocol import FirstPhase, Protocol

ROOT = Path(__file__).parents[2]
MODELS = {
    model.__name__.removesuffix("Entry").removesuffix("File"): model
    for model in (
        *(Config, PaperFile, Protocol, FigureEntry, TableEntry, View, Column, Best, Prediction, ClaimEntry, Condition),
        *(Published, PublishedValues, ScaleFile, SameAs, StudyEntry, Search),
        *(Recipe, Imbalance, Labels, FirstPhase, NetworkOptions, Measuring, Subset),
        *(OwnDataset, OwnImages, OwnNetwork, OwnBuilder),
    )
}


def table(model: type[BaseModel]) -> str:
    """Markdown table of a model's keys."""
    rows = [
        [f"`{name}`", kind(field.annotation, field.metadata), default(field), field.description]
        for name, field in model.model_fields.items()
    ]
    return markdown(["key", "type", "default", "meaning"], rows)


def kind(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A Python type in words for readers of YAML."""
    for said in metadata:
        if isinstance(said, Choices):
            return ", ".join(said.names)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is NoneType:
        return "null"
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " or ".join(map(kind, arguments))
    if origin in (tuple, list):
        return f"list of {kind(arguments[0])}"
    if origin is dict:
        return f"map of {kind(arguments[1])}"
    if hasattr(annotation, "__metadata__"):
        return kind(annotation.__origin__, annotation.__metadata__)
    for name, model in MODELS.items():
        if annotation is model:
            return f"[{name}](#{name.lower()})"
    return getattr(annotation, "__name__", "any").lower().replace("str", "text").replace("any", "any value")


def default(field: FieldInfo) -> str:
    """Default of a key in words, also for a key without one."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, bool) or value is None:
        return f"`{value}`".lower().replace("none", "null")
    return f"`{list(value) if isinstance(value, tuple) else value}`" if value not in ("", {}, ()) else "empty"


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """Markdown table. A | within a cell is escaped, as it would end the cell."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (columns, ["---"] * len(columns), *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def networks() -> str:
    """Table of the networks, each with the options that not all networks have."""
    rows = []
    for name, entry in NETWORKS.items():
        fields = entry.options.model_fields
        own = {key: field for key, field in fields.items() if key not in NetworkOptions.model_fields}
        rows += [[f"`{name}`", "", "", "", ""]] if not own else []
        rows += [
            [f"`{name}`", f"`{key}`", kind(field.annotation, field.metadata), default(field), field.description]
            for key, field in own.items()
        ]
    return markdown(["network", "key", "type", "default", "meaning"], rows)


def benchmarks() -> str:
    """Every comparison of benchmarks/results."""
    rows = [
        [path.stem, row["case"], row["ours"], row["reference"], row["unit"], row["ratio"]]
        for path in sorted((ROOT / "benchmarks" / "results").glob("*.csv"))
        for row in read(path)
    ]
    return markdown(["benchmark", "case", "ours", "reference", "unit", "ratio"], rows)


def claims(scale: str) -> str:
    """Verdicts of the gallery's runs at one scale."""
    rows = [
        [
            f"{row['paper']} {row['figure'] or row['table']}",
            row["statement"],
            row["verdict"],
            f"{float(row['ours']):.3g}" if row["ours"] else "",
            row["condition"],
            row["n"],
            row["reason"],
        ]
        for path in sorted((ROOT / "docs" / "gallery" / scale).glob("*/claims.csv"))
        for row in read(path)
        if row["verdict"] != "not run at this scale"
    ]
    return markdown(["figure", "claim", "verdict", "ours", "wanted", "n", "reason"], rows)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def metrics() -> str:
    """Every metric by its name."""
    return markdown(["metric", "what it is"], [[f"`{name}`", metric.meaning] for name, metric in METRICS.items()])


TABLES = {
    **{f"keys of {name}": partial(table, model) for name, model in MODELS.items()},
    **{f"claims at {scale}": partial(claims, scale) for scale in ("demo", "small", "paper")},
    "benchmarks": benchmarks,
    "networks": networks,
    "metrics": metrics,
}


def fill(text: str) -> str:
    """Replace the text between each table's markers, <!-- name --> and <!-- end -->, by the table."""
    for name in re.findall(r"<!-- (.*?) -->", text):
        if name in TABLES:
            marker = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
            made = TABLES[name]()
            text = re.sub(marker, lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL)
    return text


def schema(name: str) -> str:
    """JSON schema of config.yaml or of a paper's files, for editors (the models themselves check more)."""
    found = {"config": Config, "paper": PaperFile, "scale": ScaleFile}[name].model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | found, indent=1) + "\n"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(schema(path.stem) if path.suffix == ".json" else fill(path.read_text()))
