"""What config/ says: configuration, papers, and the plan of each paper at each scale; for tools beside Snakemake."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collapse.config import Config, load_config
from collapse.own import register
from collapse.paper import Paper
from collapse.paper_files import load_papers
from collapse.plan import Plan
from collapse.strict import ConfigError, read_yaml
from collapse.studies.chosen import chosen_values


def read_project(folder: Path, changes: dict[str, Any] | None = None) -> tuple[Config, list[Paper]]:
    """The configuration in the folder config/, with `changes` as of --config, and every paper; raises ConfigError."""
    path = folder / "config.yaml"
    config = load_config(read_yaml(path) | (changes or {}), folder / "papers", f"{path} or --config")
    register(config)
    return config, load_papers(folder / "papers")


def plan_of(paper: Paper, scale: str, config: Config) -> Plan:
    """The plan of a paper at a scale, with what finished studies chose; raises ConfigError and DamagedFile."""
    chosen = chosen_values(Path(config.results, scale, "studies"))
    return Plan(paper, scale, config.seeds, config.protocol, chosen)


def plans_of(config: Config, papers: list[Paper]) -> Iterator[Plan]:
    """The plan of every paper at every scale."""
    for paper in papers:
        for scale in paper.scales:
            yield plan_of(paper, scale, config)


def tables_of_target(target: str, config: Config, papers: list[Paper]) -> list[tuple[Plan, str]]:
    """Measured tables that a target of the workflow takes, at the configuration's scale.

    Targets: all, a paper, <paper>_<figure>, or a figure of the configuration's paper. Raises ConfigError for another.
    """
    plans = [plan_of(paper, config.scale, config) for paper in papers if config.scale in paper.scales]
    targets: dict[str, list[tuple[Plan, str]]] = {"all": [(plan, table) for plan in plans for table in plan.points]}
    for plan in plans:
        targets[plan.paper.name] = [(plan, table) for table in plan.points]
        for figure in plan.figures():
            tables = [(plan, table) for table in plan.paper.figures[figure].tables if table in plan.points]
            names = [f"{plan.paper.name}_{figure}", *([figure] if plan.paper.name == config.paper else [])]
            targets |= dict.fromkeys(names, tables)
    if target not in targets:
        raise ConfigError(f"unknown target {target} at scale {config.scale}; valid choices: {', '.join(targets)}")
    return targets[target]
