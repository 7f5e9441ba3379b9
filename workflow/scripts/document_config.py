"""Write the key tables of config/README.md from the models that check the keys."""

import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from collapse.config import Config
from collapse.paper import Claim, Column, Condition, Figure, Paper, Published, Scale, Table
from collapse.recipe import Imbalance, Protocol, Recipe

MODELS = {
    model.__name__: model
    for model in (Config, Paper, Protocol, Table, Column, Figure, Claim, Condition, Published, Scale, Recipe, Imbalance)
}


def table(model: type[BaseModel]) -> str:
    """Markdown table of a model's keys."""
    rows = [f"| `{name}` | {kind(field.annotation)} | {default(field)} | {field.description} |"
            for name, field in model.model_fields.items()]  # fmt: skip
    return "\n".join(["| key | type | default | meaning |", "| --- | --- | --- | --- |", *rows])


def kind(annotation: Any) -> str:
    """A type as a reader of YAML knows it."""
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
        return kind(annotation.__origin__)
    if isinstance(annotation, type) and annotation.__name__ in MODELS:
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return getattr(annotation, "__name__", "any").lower().replace("str", "text").replace("any", "any value")


def default(field: FieldInfo) -> str:
    """Default of a key, or that it has none."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, bool) or value is None:
        return f"`{value}`".lower().replace("none", "null")
    return f"`{list(value) if isinstance(value, tuple) else value}`" if value not in ("", {}, ()) else "empty"


def fill(text: str) -> str:
    """Put each model's table between its markers."""
    for name, model in MODELS.items():
        marker = rf"(<!-- keys of {name} -->\n).*?(<!-- end -->)"
        text = re.sub(
            marker, lambda match, model=model: match[1] + table(model) + "\n" + match[2], text, flags=re.DOTALL
        )
    return text


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(fill(path.read_text()))
