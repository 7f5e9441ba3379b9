"""Configuration models that reject unknown keys and values, and list the valid ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core.core_schema import LiteralSchema, literal_schema

NAME = r"^[a-z][a-z0-9_]*$"  # of a paper, a table, a figure, and of datasets and networks of one's own


class UserError(Exception):
    """An error whose message says what is wrong and what to do: a job prints nothing else (scripts.explain)."""


class ConfigError(UserError, ValueError):
    """A configuration that can not be run: the message names the file, the key and the remedy."""


class ConfigModel(BaseModel):
    """A frozen model. An unknown key is an error that lists the valid ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    # Former names of keys, and their present names.
    RENAMED: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for old in cls.RENAMED.keys() & data.keys():
                raise ValueError(f"{old} is now {cls.RENAMED[old]}")
            unknown = sorted(map(str, data.keys() - cls.model_fields.keys()))
            if unknown:
                hint = did_you_mean(unknown[0], cls.model_fields)
                raise ValueError(f"unknown key {', '.join(unknown)}; valid keys: {', '.join(cls.model_fields)}{hint}")
        return data


Model = TypeVar("Model", bound=BaseModel)


def check_choice(kind: str, name: str, choices: Any) -> str:
    """Return `name` if it is among `choices`, else raise a ValueError that lists them."""
    if name not in choices:
        raise ValueError(
            f"unknown {kind} {name!r}; valid choices: {', '.join(map(str, choices))}{did_you_mean(name, choices)}"
        )
    return name


def did_you_mean(name: str, choices: Iterable[Any]) -> str:
    """The end of a message about an unknown name: the nearest choice, if one is near; case does not count."""
    by_lower = {str(choice).lower(): str(choice) for choice in choices}
    near = get_close_matches(str(name).lower(), by_lower, n=1)
    return f". Did you mean {by_lower[near[0]]}?" if near else ""


def distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seeds; raise ValueError where one appears twice."""
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed appears twice")
    return seeds


@dataclass(frozen=True, eq=False)  # a registry has no hash
class Choices:
    """Annotated[str, Choices(names)]: a Literal whose names come from a registry."""

    names: Iterable[str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> LiteralSchema:
        """The schema of a Literal of these names, by pydantic's protocol."""
        return literal_schema(list(self.names))


def meanings(entries: Mapping[str, Any]) -> str:
    """The meanings of a registry's entries, for the description of a key whose value names an entry."""
    return "; ".join(f"{name}: {entry.meaning}" for name, entry in entries.items())


def validate(model: type[Model], data: Any, source: str) -> Model:
    """Build `model` from `data`; raise one ConfigError naming `source` (a file) and every key at fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join([f"{source} can not be used:", *map(_line, error.errors())])) from None


def _line(error: Any) -> str:
    # Parts in <>: which form of a value was recognised, as pydantic's tags say it.
    key = ".".join(str(part) for part in error["loc"] if not str(part).startswith("<"))
    message = error["msg"].removeprefix("Value error, ")
    if error["loc"] and error["loc"][-1] == "[key]":  # of a map
        key, message = key.removesuffix(".[key]"), "a name has lower-case letters, digits and _, a letter first"
    given = "" if isinstance(error["input"], dict) else f" (given: {error['input']!r})"
    return f"  {key}: {message}{given}" if key else f"  {message}"


def read_yaml(path: Path) -> Any:
    """Parse a YAML file without executing anything; raise ConfigError if it is absent or malformed."""
    import yaml  # only the workflow's own environment reads YAML: jobs are handed JSON

    # Prefer the loader in C, where PyYAML has it: with the Python loader, parsing takes half of a dry run's time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(), Loader=loader) or {}
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
