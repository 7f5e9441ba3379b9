# Paths that every stage shares, and functions of a job's inputs and parameters.

import functools
import inspect
import json
from typing import NamedTuple

from collapse.grid import subset_name
from collapse.resources import JobResources

RESULTS = f"{CONFIG.results}/{CONFIG.scale}"
DATA = f"{CONFIG.results}/data/{{dataset}}"
CELL = "{paper}/{dataset}/{model}/{variant}"
RUN = f"{RESULTS}/runs/{CELL}/seed-{{seed}}"
SUBSETS = {(recipe.dataset, subset_name(recipe)): recipe for plan in PLANS.values() for recipe in plan.recipes.values()}

# Tables, as paper/table, by the way they are made: from theory, from runs, from draws.
THEORY = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.theory()]
MEASURED = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.cells]
DRAWN = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.subsets]


wildcard_constraints:
    paper="[a-z][a-z0-9_]*",
    dataset="[a-z0-9_]+",
    model="[a-z0-9_]+",
    variant="[^/]+",
    seed="[0-9]+",
    figure="[a-z0-9_]+",


def job_log(cell):
    """Log of a job that makes runs: one for each run or, if one job makes all seeds, one for each cell."""
    return f"{cell}.log" if CONFIG.bundled else f"{cell}/seed-{{seed}}.log"


def per_seed(path):
    """Outputs of a job that makes runs: `path` for one seed or, if seeds are bundled, for all seeds of the cell."""
    return expand(path, seed=CONFIG.seeds, allow_missing=True) if CONFIG.bundled else path


# The param `seeds` of a job that makes runs: its seeds, in the order of its outputs.
SEEDS = list(CONFIG.seeds) if CONFIG.bundled else "{seed}"


class Cell(NamedTuple):
    """Parameters and resources of a cell's jobs, computed once because they are the same for every seed."""

    identity: str  # of the recipe at seed 0, as JSON
    subsets: str  # folder of the index files
    resources: JobResources


@functools.cache
def cell_named(paper, name):
    """The Cell of that name in a paper's plan."""
    recipe = PLANS[paper].recipes[name]
    subsets = f"{CONFIG.results}/data/{recipe.dataset}/subsets/{subset_name(recipe)}"
    return Cell(recipe.identity(), subsets, JobResources.of(recipe, CONFIG))


def cell_of(wildcards):
    """Cell of a job that makes runs."""
    return cell_named(wildcards.paper, f"{wildcards.dataset}/{wildcards.model}/{wildcards.variant}")


def asked(name, retried=False):
    """A function of a job's wildcards that returns the field `name` of its JobResources.

    `retried`: the value is doubled at each retry. (A retried training goes on from its saved state.)
    """

    def at_first(wildcards):
        return getattr(cell_of(wildcards).resources, name)

    def at_attempt(wildcards, attempt):
        return at_first(wildcards) * 2 ** (attempt - 1)

    function = at_attempt if retried else at_first
    # Store the signature: Snakemake asks for it several times a job, and Python would compute it each time.
    function.__signature__ = inspect.signature(function)
    return function


def subsets_of(wildcards):
    """Index files of the runs that a job makes, one a seed."""
    folder = cell_of(wildcards).subsets
    return [f"{folder}/seed-{seed}.csv" for seed in (CONFIG.seeds if CONFIG.bundled else [wildcards.seed])]


def plan_of(name):
    """Plan of a table named paper/table."""
    return PLANS[name.partition("/")[0]]


def table_of(name):
    """The Table, from its paper's file, of a table named paper/table."""
    return plan_of(name).paper.tables[name.partition("/")[2]]


def metrics_of(paper, table):
    """metrics.csv of every run that a measured table reads; each file is listed once."""
    cells = dict.fromkeys(PLANS[paper].cells[table])
    return [f"{RESULTS}/runs/{paper}/{cell}/seed-{seed}/metrics.csv" for cell in cells for seed in CONFIG.seeds]


def spec_of(wildcards):
    """TableSpec of a measured table, as JSON."""
    return plan_of(wildcards.measured).table_spec(Path(wildcards.measured).name).model_dump_json()


def datasets_of_draws(wildcards):
    """Files of the datasets whose random subsets a table measures: manifests and, as `ancient`, images."""
    subsets = plan_of(wildcards.drawn).subsets[Path(wildcards.drawn).name]
    folders = [DATA.format(dataset=dataset) for dataset in dict.fromkeys(subset.dataset for _, subset in subsets)]
    return [f"{folder}/manifest.json" for folder in folders] + [
        ancient(f"{folder}/train.safetensors") for folder in folders
    ]


def tables_of_figure(wildcards):
    """Tables of a figure, in the order its script takes them."""
    tables = PLANS[wildcards.paper].paper.figures[wildcards.figure].tables
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}.csv" for table in tables]


def tables_of_claims(wildcards):
    """Tables that decide a figure's claims; measured tables with a row for each seed."""
    plan = PLANS[wildcards.paper]
    by_seed = {*plan.cells, *plan.subsets}
    ending = {table: "_seeds.csv" if table in by_seed else ".csv" for table in plan.scale.tables}
    tables = plan.claims_spec(wildcards.figure).panel_keys
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}{ending[table]}" for table in tables]


def runs_of_paper(wildcards):
    """run.json of every run of a paper."""
    cells = PLANS[wildcards.paper].recipes
    return [f"{RESULTS}/runs/{wildcards.paper}/{cell}/seed-{seed}/run.json" for cell in cells for seed in CONFIG.seeds]


def grids_of_paper(wildcards):
    """Grids of a paper's measured tables, as JSON: a few lines, for any number of runs."""
    return json.dumps([grid.model_dump(mode="json") for grid in PLANS[wildcards.paper].grids.values()])
