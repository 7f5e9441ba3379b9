# Paths that every stage shares, and functions of a job's inputs and parameters.

import functools
import inspect
import json

from collapse.identity import identity
from collapse.metrics.entries import METRICS as METRIC_ENTRIES
from collapse.plan import plan_digest
from collapse.resources import JobResources

RESULTS = f"{CONFIG.results}/{CONFIG.scale}"
DATA = f"{CONFIG.results}/data/{{dataset}}"
CELL = "{dataset}/{model}/{run}"
RUN = f"{CONFIG.results}/runs/{CELL}/seed-{{seed}}"
MEASURED_CELL = f"{CELL}/{{measuring}}"
TRAINED = f"{RUN}/run.json"
STATISTICS = f"{RUN}/{{measuring}}/statistics.safetensors"
METRICS = f"{RUN}/{{measuring}}/metrics.csv"
PLAN = f"{RESULTS}/plans/{{measured}}.csv"

# What runs and their folders of metrics are called: runs belong to no paper, so two papers may name the same.
RECIPES = {cell: recipe for plan in PLANS.values() for cell, recipe in plan.recipes.items()}
MEASURINGS = {name: choices for plan in PLANS.values() for name, choices in plan.measurings.items()}

# Tables, as paper/table, by the way they are made: from theory, from runs, from draws.
THEORY = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.theory()]
MEASURED = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.points]
DRAWN = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.subsets]


wildcard_constraints:
    paper="[a-z][a-z0-9_]*",
    dataset="[a-z0-9_]+",
    model="[a-z0-9_]+",
    run="[A-Za-z0-9_.+-]+",
    seed="[0-9]+",
    measuring="[a-z]+(-[0-9a-f]+)?",
    measured="|".join(MEASURED) or "none",
    figure="[a-z0-9_]+",


def bundle(path):
    """Outputs of one job for all seeds of the configuration, if seeds are bundled, else for one.

    Tables may have further seeds: the rules <rule>_seed make these one by one.
    """
    return expand(path, seed=CONFIG.seeds, allow_missing=True) if CONFIG.bundled else path


def own_images(wildcards):
    """The configuration's OwnDataset of that name, as JSON; null for a dataset of the library."""
    own = CONFIG.datasets.get(wildcards.dataset)
    return own.model_dump_json() if own else "null"


def content_of_images(wildcards):
    """Fingerprint of a dataset of one's own: when its files change, they are prepared anew."""
    own = CONFIG.datasets.get(wildcards.dataset)
    return own.fingerprint() if own else ""


def seed_log(rule, cell=CELL):
    """Log of a job that makes one run."""
    return f"{CONFIG.results}/logs/{rule}/{cell}/seed-{{seed}}.log"


def bundle_log(rule, cell=CELL):
    """Log of a job that makes a bundle of runs."""
    return f"{CONFIG.results}/logs/{rule}/{cell}.log" if CONFIG.bundled else seed_log(rule, cell)


@functools.cache
def named(cell):
    """Identity of a cell's training, as JSON, and the requests of its jobs: the same for every seed."""
    if cell not in RECIPES:
        raise WorkflowError(
            f"no table at scale {CONFIG.scale} has the run {cell}: {RESULTS}/plans lists those there are"
        )
    return identity(RECIPES[cell]), JobResources.of(RECIPES[cell], CONFIG)


def cell_of(wildcards):
    """What `named` has of the cell of a job that makes runs."""
    return named(f"{wildcards.dataset}/{wildcards.model}/{wildcards.run}")


def asked(name, retried=False):
    """A function of a job's wildcards that returns the field `name` of its JobResources.

    `retried`: the value is doubled at each retry.
    """

    def at_first(wildcards):
        return getattr(cell_of(wildcards)[1], name)

    def at_attempt(wildcards, attempt):
        return at_first(wildcards) * 2 ** (attempt - 1)

    return quick(at_attempt if retried else at_first)


def of_job(path, wildcards):
    """The path for each seed of a job that makes runs, one or a bundle."""
    seeds = [wildcards.seed] if hasattr(wildcards, "seed") else CONFIG.seeds
    return [*dict.fromkeys(path.format(**{**dict(wildcards.items()), "seed": seed}) for seed in seeds)]


def unless_made(output, *paths):
    """An input function: the paths, `ancient` if the job's outputs are there already, as then their times mean nothing.

    Not always `ancient`: Snakemake forgets a job whose outputs are missing and whose inputs are all ancient, where it
    runs the job that makes these inputs for a reason of its own.
    """

    def inputs(wildcards):
        made = all(map(os.path.exists, of_job(output, wildcards)))
        found = [path for pattern in paths for path in of_job(pattern, wildcards)]
        return [ancient(path) for path in found] if made else found

    return quick(inputs)


def limit(name, output):
    """A function of a job's wildcards: its time limit in minutes, which counts the runs that lack their output.

    `name`: the field of JobResources with the minutes of one run. The limit is doubled at each retry; a retried
    training goes on from its saved state.
    """

    def at_attempt(wildcards, attempt):
        resources = cell_of(wildcards)[1]
        runs = sum(not os.path.exists(path) for path in of_job(output, wildcards))
        return resources.minutes(getattr(resources, name), max(1, runs)) * 2 ** (attempt - 1)

    return quick(at_attempt)


def quick(function):
    """The function with its signature stored: Snakemake asks for it several times a job."""
    function.__signature__ = inspect.signature(function)
    return function


def plan_of(name):
    """Plan of a table named paper/table."""
    return PLANS[name.partition("/")[0]]


def table_of(name):
    """The Table, from its paper's file, of a table named paper/table."""
    return plan_of(name).paper.tables[name.partition("/")[2]]


@functools.cache
def digest_of_plan(name):
    """Checksum of the file of a measured table's plan."""
    return plan_digest(plan_of(name).plan_files[name.partition("/")[2]])


def metrics_of(paper, table):
    """metrics.csv of every run that a measured table reads; each file is listed once."""
    runs = PLANS[paper].runs(table)
    return [*dict.fromkeys(f"{CONFIG.results}/runs/{run.folder}/{run.measuring}/metrics.csv" for run in runs)]


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


def rows_of(plan, table):
    """File of a table that figures and claims read: of measured values the one with a row for each seed or draw."""
    ending = "_seeds.csv" if table in {*plan.points, *plan.subsets} else ".csv"
    return f"{RESULTS}/tables/{plan.paper.name}/{table}{ending}"


def tables_of_figure(wildcards):
    """Tables of a figure, in the order its script takes them."""
    plan = PLANS[wildcards.paper]
    return [rows_of(plan, table) for table in plan.paper.figures[wildcards.figure].tables]


def tables_of_claims(wildcards):
    """Tables that decide a figure's claims."""
    plan = PLANS[wildcards.paper]
    return [rows_of(plan, table) for table in plan.claims_spec(wildcards.figure).panel_keys]


def runs_of_paper(wildcards):
    """run.json of every run of a paper."""
    plan = PLANS[wildcards.paper]
    folders = dict.fromkeys(run.folder for table in plan.points for run in plan.runs(table))
    return [f"{CONFIG.results}/runs/{folder}/run.json" for folder in folders]
