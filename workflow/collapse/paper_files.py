"""The files of a paper, config/papers/<paper>/: paper.yaml, and scales/<scale>.yaml with the grids of each scale.

In paper.yaml a map defines tables, views or columns where they are used; a list names those that the file defines at
its top, for several figures or tables to share.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import AfterValidator, Discriminator, Field, NonNegativeInt, PositiveInt, Tag

from collapse.claims.language import ClaimEntry, ScaleName
from collapse.grid import Axes, check_axis, spelled_out, split
from collapse.paper import Paper, PublishedValues
from collapse.strict import NAME, ConfigError, ConfigModel, check_choice, distinct, read_yaml, validate
from collapse.studies.spec import StudyEntry
from collapse.table import Best, Column, Moment, Prediction, RowsPer, Table
from collapse.training.protocol import Protocol

T = TypeVar("T")
Named = Annotated[str, Field(pattern=NAME)]
# Either form by itself, so that a mistake in one is not reported as one in the other too. The tags are left out of
# messages (collapse.strict).
ByForm = Discriminator(lambda given: "<map>" if isinstance(given, Mapping) else "<list>")
Names = Annotated[tuple[str, ...], Tag("<list>")]
Columns = Annotated[Annotated[dict[Named, Column], Tag("<map>")] | Names, ByForm]


class View(ConfigModel):
    """A table from the runs of another one, <table>_<view>: other columns, or other rows within a run."""

    RENAMED: ClassVar = {"axes": "key_columns", "each": "rows_per"}

    title: str = Field(description="one line, for the report")
    columns: Columns = Field(
        default={},
        description="measured columns, each with _mean and _std over the seeds; a list names those of the paper",
    )
    predictions: dict[Named, Prediction] = Field(default={}, description=Table.model_fields["predictions"].description)
    spread: bool = Field(default=True, description=Table.model_fields["spread"].description)
    median: bool = Field(default=False, description=Table.model_fields["median"].description)
    moment: tuple[Moment, ...] = Field(default=(), description=Table.model_fields["moment"].description)
    rows_per: RowsPer = Field(default=(), description=Table.model_fields["rows_per"].description)
    inside: bool = Field(default=False, description=Table.model_fields["inside"].description)
    points: bool = Field(default=False, description=Table.model_fields["points"].description)


Views = Annotated[Annotated[dict[Named, View], Tag("<map>")] | Names, ByForm]


class TableEntry(View):
    """A table: measured on runs (columns), on random subsets of the data (draws), or computed from theory (solver)."""

    key_columns: tuple[str, ...] = Field(description=Table.model_fields["key_columns"].description)
    best: Best | None = Field(default=None, description=Table.model_fields["best"].description)
    measure: dict[str, Any] = Field(default={}, description=Table.model_fields["measure"].description)
    draws: PositiveInt | None = Field(default=None, description=Table.model_fields["draws"].description)
    solver: str | None = Field(default=None, description=Table.model_fields["solver"].description)
    study: str | None = Field(default=None, description=Table.model_fields["study"].description)
    views: Views = Field(default={}, description="further tables from the same runs; a list names views of the paper")


Tables = Annotated[Annotated[dict[Named, TableEntry], Tag("<map>")] | Names, ByForm]


class FigureEntry(ConfigModel):
    """A published figure; workflow/figures/<paper>/<figure>.py draws it from its tables."""

    title: str = Field(description="one line, for the report")
    note: str = Field(default="", description="what a reader has to know to read it rightly, for the report's caption")
    tables: Tables = Field(
        description="tables that its script takes, in this order, each followed by its views; a list names tables and "
        "views of the paper, or of a figure above"
    )
    published: tuple[PublishedValues, ...] = Field(default=(), description="values that the paper prints there")
    claims: dict[Named, ClaimEntry] = Field(default={}, description="claims that it shows, by name")


class PaperFile(ConfigModel):
    """config/papers/<paper>/paper.yaml. The paper's name is that of the folder."""

    title: str = Field(description="title of the paper")
    reference: str = Field(description="authors, title, journal, arXiv")
    protocol: Protocol = Field(description="the published protocol")
    columns: dict[Named, Column] = Field(default={}, description="columns that several tables share")
    views: dict[Named, View] = Field(default={}, description="views that several tables share")
    tables: dict[Named, TableEntry] = Field(default={}, description="tables that several figures share")
    figures: dict[Named, FigureEntry] = Field(description="figures by name; each is a target, <paper>_<figure>")


class SameAs(ConfigModel):
    """The grid that the table has at another scale."""

    same_as: ScaleName = Field(description="the scale whose file has the grid")


class OtherTable(ConfigModel):
    """A block that stands for those of another paper's table, so that both show the same runs."""

    paper: str = Field(description="folder of the paper in config/papers")
    table: str = Field(description="its table, which has a grid at this scale")


Grids = Annotated[Annotated[SameAs, Tag("<map>")] | Annotated[tuple[Axes, ...], Tag("<list>")], ByForm]
Seeds = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1), AfterValidator(distinct)]


class ScaleFile(ConfigModel):
    """config/papers/<paper>/scales/<scale>.yaml: what the scale runs."""

    RENAMED: ClassVar = {"cut": "deviations"}

    deviations: str = Field(description="in what it deviates from the published protocol, in words")
    protocol: dict[str, Any] = Field(default={}, description="keys of the protocol that this scale changes")
    common: dict[str, Any] = Field(
        default={}, description="axes of every block of a table of runs, where the block does not give them"
    )
    tables: dict[str, Grids] = Field(
        description="grid of each table: blocks whose lists are multiplied out (for a solver: its settings), or "
        "same_as: a scale, for the grid that the table has there. A block same_as: {paper: zhu, table: fig3} stands "
        "for those that the table of another paper has at this scale, on that paper's protocol"
    )
    studies: dict[Named, StudyEntry] = Field(
        default={},
        description="studies that choose hyperparameters on held-out samples; a block of a table's grid takes them by "
        "from_study: name",
    )
    seeds: dict[str, Seeds] = Field(
        default={},
        description="seeds of a table's runs where they are not the configuration's, as {fig6: [0, 1, 2, 3, 4]}",
    )


def load_papers(folder: Path) -> list[Paper]:
    """Every paper in the folder config/papers; raises ConfigError. Those that borrow runs come last: a mistake in a
    grid is then found in its own file first.
    """
    papers = [load_paper(path.parent) for path in sorted(folder.glob("*/paper.yaml"))]
    return sorted(papers, key=lambda paper: paper.borrows)


def load_paper(folder: Path, lends: bool = False) -> Paper:
    """Read and check the files of a paper; raise ConfigError naming the file and the keys at fault.

    lends: another paper's file takes blocks from this one, which may not take any itself.
    """
    file = validate(PaperFile, _read(folder / "paper.yaml"), str(folder / "paper.yaml"))
    paths = {path.stem: path for path in sorted((folder / "scales").glob("*.yaml"))}
    for name, path in paths.items():
        if name not in get_args(ScaleName):
            raise ConfigError(f"{path}: there is no scale {name}; valid choices: {', '.join(get_args(ScaleName))}")
    if not paths:
        raise ConfigError(f"{folder}/scales has no file: one is needed for each scale that runs, as demo.yaml")
    files = {name: validate(ScaleFile, _read(path), str(path)) for name, path in paths.items()}
    with _blaming(folder / "paper.yaml"):
        families = dict(_families(file))
        data = _of_paper(file, families)
        _check_studies(data["tables"], files)
    scales = {}
    for name in (name for name in get_args(ScaleName) if name in files):
        with _blaming(paths[name]):
            scales[name] = _scale(name, files, families, None if lends else folder.parent)
    grids = [grid for file in files.values() for grid in file.tables.values() if isinstance(grid, tuple)]
    data["borrows"] = any("same_as" in block for grid in grids for block in grid)
    return validate(Paper, {"name": folder.name, **data, "scales": scales}, str(folder / "paper.yaml"))


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Turn a ValueError into a ConfigError that names the file."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{path} can not be used:\n  {error}") from None


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path)
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{path} can not be used:\n  it holds no keys")
    return data


def _of_paper(file: PaperFile, families: "Families") -> dict[str, Any]:
    """Data of a Paper, but for its scales."""
    tables = {name: table for family in families.values() for name, table in family.items()}
    return {
        "title": file.title,
        "reference": file.reference,
        "protocol": file.protocol,
        "tables": tables,
        "figures": {name: _figure(name, figure, families, tables) for name, figure in file.figures.items()},
        "claims": dict(_claims(file, families, tables)),
    }


def _given(entries: Mapping[str, T] | tuple[str, ...]) -> Mapping[str, T]:
    """What a map defines; nothing for a list, which only names."""
    return {} if isinstance(entries, tuple) else entries


def _looked_up(kind: str, entries: Mapping[str, T] | tuple[str, ...], shared: Mapping[str, T]) -> dict[str, T]:
    """What a map defines, or a list names among `shared`."""
    if isinstance(entries, tuple):
        return {name: shared[check_choice(kind, name, shared)] for name in entries}
    return dict(entries)


Families = dict[str, dict[str, dict[str, Any]]]  # data of a Table, by its entry's name, and by its own


def _families(file: PaperFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each entry of the paper's and its figures' tables, with its table and those of its views."""
    own = (entry for figure in file.figures.values() for entry in _given(figure.tables).items())
    seen: set[str] = set()
    for name, entry in (*file.tables.items(), *own):
        views = _looked_up(f"view in tables.{name}", entry.views, file.views)
        family = {name: entry, **{f"{name}_{ending}": view for ending, view in views.items()}}
        for table in family:
            if table in seen:
                raise ValueError(f"two tables are called {table}: share one, or give one another name")
            seen.add(table)
        yield name, {table: _table(table, view, entry, file) for table, view in family.items()}


def _table(name: str, view: View, entry: TableEntry, file: PaperFile) -> dict[str, Any]:
    """Data of a Table, from the view of an entry that it is."""
    own = {key: getattr(view, key) for key in View.model_fields if key != "columns"}
    common = {key: getattr(entry, key) for key in ("key_columns", "best", "measure", "draws", "solver", "study")}
    return {**own, **common, "columns": _looked_up(f"column in tables.{name}", view.columns, file.columns)}


def _figure(name: str, figure: FigureEntry, families: Families, tables: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(figure.tables, tuple):
        drawn = [check_choice(f"table in figures.{name}", table, tables) for table in figure.tables]
    else:
        drawn = [table for entry in figure.tables for table in families[entry]]
    return {"title": figure.title, "note": figure.note, "tables": drawn, "published": figure.published}


def _claims(file: PaperFile, families: Families, tables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Claims with their figure, and their table where the figure has only one."""
    seen: set[str] = set()
    for figure, entry in file.figures.items():
        drawn = _figure(figure, entry, families, tables)["tables"]
        for name, claim in entry.claims.items():
            place = f"figures.{figure}.claims.{name}"
            if name in seen:
                raise ValueError(f"{place}: another claim has that name")
            seen.add(name)
            if claim.table is None and len(drawn) != 1:
                raise ValueError(f"{place}: say which table decides, one of {', '.join(drawn)}")
            yield name, {**dict(claim), "figure": figure, "table": claim.table or drawn[0]}


def _scale(name: str, files: dict[str, ScaleFile], families: Families, papers: Path | None) -> dict[str, Any]:
    """Data of a Scale: the grid of each entry, which its views share. papers: the folder of all papers."""
    file, grids, seeds = files[name], {}, {}
    for key in file.protocol:
        check_choice("key in protocol", key, Protocol.model_fields)
    for entry in file.tables:
        family = families[check_choice("table", entry, families)]
        blocks = tuple(_with_borrowed(_blocks(entry, name, files, families), name, papers, f"tables.{entry}"))
        for table in family.values():
            _check_blocks(table, blocks, f"tables.{entry}", file.studies)
        grids |= dict.fromkeys(family, blocks)
    for entry, chosen in file.seeds.items():
        of_runs = [table for table in file.tables if _of_runs(families[table][table])]
        seeds |= dict.fromkeys(families[check_choice("table of runs in seeds", entry, of_runs)], chosen)
    every = [(name, table) for family in families.values() for name, table in family.items()]
    grids |= {name: () for name, table in every if table["study"] in file.studies}
    return {
        "deviations": file.deviations,
        "protocol": file.protocol,
        "tables": grids,
        "studies": file.studies,
        "seeds": seeds,
    }


def _check_studies(tables: Mapping[str, dict[str, Any]], files: Mapping[str, ScaleFile]) -> None:
    studies = list(dict.fromkeys(name for file in files.values() for name in file.studies))
    for name, table in tables.items():
        if table["study"]:
            check_choice(f"study of tables.{name}", table["study"], studies)


def _check_blocks(table: dict[str, Any], blocks: tuple[Axes, ...], place: str, studies: Collection[str]) -> None:
    if table["study"]:
        raise ValueError(f"{place}: a table of a study's trials has no grid: its rows are those of studies")
    for given, renamed in map(split, blocks):
        for axis in renamed:
            check_axis(f"axis in rename of {place}", axis, table["key_columns"])
        for axis in given if _of_runs(table) else ():
            check_axis(f"axis in {place}", axis)
    for block in (block for block in blocks if "from_study" in block):
        if not _of_runs(table):
            raise ValueError(f"{place}: from_study is for a table of runs")
        check_choice(f"study in from_study of {place}", block["from_study"], list(studies))


def _of_runs(table: dict[str, Any]) -> bool:
    return (bool(table["columns"]) or table["points"]) and not table["draws"]


def _blocks(entry: str, scale: str, files: dict[str, ScaleFile], families: Families) -> tuple[Axes, ...]:
    """Blocks of a table at a scale, complete with what they have in common."""
    grid, place = files[scale].tables[entry], f"tables.{entry}"
    if isinstance(grid, SameAs):
        there = files[grid.same_as].tables.get(entry) if grid.same_as in files else None
        if there is None or isinstance(there, SameAs):
            raise ValueError(f"{place}: same_as names a scale whose file has the grid: {grid.same_as} has none")
        return _blocks(entry, grid.same_as, files, families)
    common = files[scale].common if _of_runs(families[entry][entry]) else {}
    # A block's own axes first: rows of the table come in the order of its lists.
    return tuple(
        block
        if "same_as" in block
        else spelled_out(block | {key: common[key] for key in common if key not in block}, place)
        for block in grid
    )


def _with_borrowed(blocks: tuple[Axes, ...], scale: str, papers: Path | None, place: str) -> Iterator[Axes]:
    """The blocks, with those of other papers' tables where they stand for them.

    Whatever that paper's protocol and table say becomes an axis: the recipes, and so the runs, are the same.
    """
    lenders: dict[str, Paper] = {}
    for block in blocks:
        if "same_as" not in block:
            yield block
            continue
        if papers is None or len(block) > 1:
            raise ValueError(f"{place}: a block same_as has no other key, and names a table whose blocks are its own")
        other = validate(OtherTable, block["same_as"], f"{place}, same_as")
        names = [path.parent.name for path in sorted(papers.glob("*/paper.yaml"))]
        check_choice(f"paper in same_as of {place}", other.paper, names)
        paper = lenders[other.paper] = lenders.get(other.paper) or load_paper(papers / other.paper, lends=True)
        there = paper.scales.get(scale)  # pyright: ignore[reportArgumentType] (a name of a file that was checked)
        if there is None:
            raise ValueError(f"{place}: same_as names {other.paper}, which has no scale {scale}")
        tables = {name: blocks for name, blocks in there.tables.items() if paper.tables[name].measured}
        table = check_choice(f"table of {other.paper} in same_as of {place}", other.table, tables)
        if table in there.seeds or any("from_study" in given for given in tables[table]):
            raise ValueError(f"{place}: {other.paper}'s {table} has seeds or studies of its own: it can not be shared")
        given = paper.protocol.model_dump(mode="json") | there.protocol | paper.tables[table].measure
        fixed = {axis: [value] if isinstance(value, list) else value for axis, value in given.items()}
        for lent in tables[table]:
            yield fixed | split(lent)[0]
