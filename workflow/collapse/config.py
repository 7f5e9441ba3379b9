"""config/config.yaml: what a user chooses for one invocation of the workflow."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    field_validator,
)

from collapse.data.own import OwnDataset
from collapse.models.own import OwnNetwork
from collapse.strict import NAME, ConfigError, ConfigModel, check_choice, did_you_mean, distinct, validate
from collapse.training.protocol import Protocol

# Letters and digits of any language. Nothing that a shell, or Snakemake in a pattern, would take for its own.
Folder = Annotated[str, Field(pattern=r"^[\w./~][\w./~ +@,()-]*$"), AfterValidator(os.path.expanduser)]


def _listed(seeds: Any) -> Any:
    if isinstance(seeds, int):
        raise ValueError(f"seeds are a list, as [{seeds}]")
    return seeds


class Config(ConfigModel):
    """Keys of config/config.yaml; each can be given on the command line, as --config scale=paper."""

    paper: str = Field(
        default="layer_peeled", pattern=NAME, description="paper whose figures go by their short names, as fig6"
    )
    scale: Literal["demo", "small", "paper"] = Field(
        default="demo", description="demo, small or paper; see each paper's file"
    )
    results: Folder = Field(default="results", description="folder for everything that is made; ~ is your home")
    data_root: Folder = Field(
        default="data", description="folder with raw datasets, as torchvision lays them out; ~ is your home"
    )
    download: bool = Field(default=True, description="download a raw dataset that data_root lacks")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: cuda where there is one and a run is worth it, else cpu"
    )
    jobs_per_gpu: PositiveInt = Field(default=1, description="trainings that may share a GPU of this machine at a time")
    gpus_per_job: PositiveInt = Field(
        default=1,
        description="GPUs of one training job: it trains as many of its seeds side by side (see bundle_seeds)",
    )
    save_every: NonNegativeFloat = Field(
        default=30.0, description="seconds between saved states of a training; a killed one goes on from the last"
    )
    say_every: NonNegativeFloat = Field(
        default=5.0, description="seconds between the lines that tell a training's progress; a shorter one tells none"
    )
    keep_checkpoints: Literal["all", "none"] = Field(
        default="all",
        description="none: delete a run's weights once all that any table asks of it is measured; other statistics "
        "then need the training again",
    )
    threads: PositiveInt = Field(
        default=1, description="CPU threads of one training job; small networks are fastest with 1"
    )
    seeds: Annotated[tuple[NonNegativeInt, ...], BeforeValidator(_listed), AfterValidator(distinct)] = Field(
        default=(0, 1, 2),
        min_length=1,
        description="seeds at which every run is made; a paper's file can give a table others",
    )
    bundle_seeds: bool | None = Field(
        default=None, description="one job for all seeds of a cell; null: at demo scale only, where a run takes seconds"
    )
    protocol: dict[str, Any] = Field(default={}, description="protocol keys changed for every run, as {epochs: 10}")
    datasets: dict[Annotated[str, Field(pattern=NAME)], OwnDataset] = Field(
        default={}, description="images of one's own, by the name that grids call them"
    )
    networks: dict[Annotated[str, Field(pattern=NAME)], OwnNetwork] = Field(
        default={}, description="networks of one's own, by the name that grids call them"
    )

    @field_validator("protocol")
    @classmethod
    def _of_the_protocol(cls, protocol: dict[str, Any]) -> dict[str, Any]:
        for key in protocol:
            check_choice("key of the protocol", key, Protocol.model_fields)
        return protocol

    @property
    def bundled(self) -> bool:
        """Whether one job makes all seeds of a cell."""
        return self.scale == "demo" if self.bundle_seeds is None else self.bundle_seeds


def load_config(config: dict[str, Any], papers: Path, source: str = "config/config.yaml or --config") -> Config:
    """Check the configuration Snakemake merged; raise ConfigError naming every key at fault."""
    checked = validate(Config, config, source)
    names = sorted(path.parent.name for path in papers.glob("*/paper.yaml"))
    if checked.paper not in names:
        hint = did_you_mean(checked.paper, names)
        raise ConfigError(f"{source}: unknown paper {checked.paper!r}; valid choices: {', '.join(names)}{hint}")
    return checked
