# Paths that every stage shares, and what the jobs of data, tables, figures and claims take.

import functools
import json

from collapse.data.entries import DATASETS
from collapse.metrics.entries import METRICS as METRIC_ENTRIES
from collapse.plan import plan_digest

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

# Tables, as paper/table, by the way they are made: from theory, from runs, from studies' trials, from draws.
THEORY = {
    env: [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.theory(env)]
    for env in ("convex", "torch")
}
MEASURED = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.grids]
STUDIED = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.studied()]
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
    study="[a-z0-9_]+-[0-9a-f]+",
    worker="[0-9]+",
    chosen="[a-z0-9_]+-[0-9a-f]+",


def own_images(wildcards):
    """The configuration's OwnDataset of that name, as JSON; null for a dataset of the library."""
    own = CONFIG.datasets.get(wildcards.dataset)
    return own.model_dump_json() if own else "null"


def content_of_images(wildcards):
    """Fingerprint of a dataset of one's own: when its files change, they are prepared anew."""
    own = CONFIG.datasets.get(wildcards.dataset)
    return own.fingerprint() if own else ""


def raw_files(wildcards):
    """No input, for raw files are no part of the workflow; stops where they are needed and nowhere to be had."""
    spec = DATASETS.get(wildcards.dataset)
    needed = spec is not None and spec.from_files and not spec.own and not CONFIG.download
    made = Path(DATA.format(dataset=wildcards.dataset), "manifest.json").exists()
    if needed and not made and not Path(CONFIG.data_root).is_dir():
        raise WorkflowError(
            f"{wildcards.dataset} is read from data_root={CONFIG.data_root}, which does not exist, and download=false: "
            f"name the folder that holds the files as torchvision lays them out, or allow the download"
        )
    return []


def plan_of(name):
    """Plan of a table named paper/table."""
    return PLANS[name.partition("/")[0]]


def table_of(name):
    """The Table, from its paper's file, of a table named paper/table."""
    return plan_of(name).paper.tables[name.partition("/")[2]]


def digest_of_plan(name):
    """Checksum of the file of a measured table's plan; of a table that waits, which studies it waits for."""
    paper, _, table = name.partition("/")
    plan = PLANS[paper]
    return plan.choices_name(table) if table in plan.waiting else plan_digest(plan.plan_file(table))


def metrics_of(paper, table):
    """metrics.csv of every run that a measured table reads; each file is listed once."""
    await_studies(paper, table)
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
    ending = "_seeds.csv" if table in {*plan.grids, *plan.subsets} else ".csv"
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
    for table in plan.grids:
        await_studies(plan.paper.name, table)
    folders = dict.fromkeys(run.folder for table in plan.points for run in plan.runs(table))
    return [f"{CONFIG.results}/runs/{folder}/run.json" for folder in folders]
