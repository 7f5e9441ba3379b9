# Configuration, environments, and the paths that every stage shares.

import functools
import hashlib
import inspect
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile
from snakemake.settings.types import DeploymentMethod

ROOT = Path(workflow.current_basedir).resolve().parent

# Jobs find the library and their scripts here, whatever folder Snakemake was started in.
os.environ.update(PYTHONPATH=str(ROOT / "workflow"))
sys.path.insert(0, str(ROOT / "workflow"))

try:
    from collapse import cost
    from collapse.config import load_config
    from collapse.grid import subset_name
    from collapse.paper import PaperAtScale, load_paper
    from collapse.strict import ConfigError
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"{error.name} is missing beside Snakemake. Run from the environment of envs/workflow.yaml: "
        f"'make setup', then 'source .venv/workflow/bin/activate'; or conda env create -f envs/workflow.yaml"
    )

# Which Python a rule's shell command starts: that of its own environment. These are environment variables, not params:
# switching between conda and the virtual environments must not look like a change of the result.
MANAGED = {DeploymentMethod.CONDA, DeploymentMethod.APPTAINER} & set(workflow.deployment_settings.deployment_method)
for env in ("torch", "convex", "figures"):
    os.environ[f"PY_{env.upper()}"] = "python" if MANAGED else str(ROOT / ".venv" / env / "bin" / "python")

# One thread a job, or NumPy and torch would each take every core; training sets its own number.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

try:
    CONFIG = load_config(config, ROOT / "config" / "papers")
    PAPERS = [load_paper(path) for path in sorted((ROOT / "config" / "papers").glob("*.yaml"))]
    PLANS = {
        paper.name: PaperAtScale(paper, CONFIG.scale, CONFIG.seeds, CONFIG.protocol)
        for paper in PAPERS
        if CONFIG.scale in paper.scales
    }
except ConfigError as error:
    raise WorkflowError(str(error))

# Where a job works and what it reads from is no part of its result either. The state of a training is no output:
# Snakemake deletes those of a job that was killed, and the state is what the next attempt needs.
os.environ.update(
    ATLAS_STATE=f"{CONFIG.results}/state/{CONFIG.scale}",
    ATLAS_LOCKS=f"{CONFIG.results}/state",
    ATLAS_DATA_ROOT=CONFIG.data_root,
    ATLAS_DOWNLOAD=str(CONFIG.download),
    ATLAS_DEVICE=CONFIG.device,
    ATLAS_JOBS_PER_GPU=str(CONFIG.jobs_per_gpu),
    ATLAS_GPUS_PER_JOB=str(CONFIG.gpus_per_job),
    ATLAS_SAVE_EVERY=str(CONFIG.save_every),
)

RESULTS = f"{CONFIG.results}/{CONFIG.scale}"
DATA = f"{CONFIG.results}/data/{{dataset}}"
CELL = "{paper}/{dataset}/{model}/{variant}"
RUN = f"{RESULTS}/runs/{CELL}/seed-{{seed}}"
SUBSETS = {(recipe.dataset, subset_name(recipe)): recipe for plan in PLANS.values() for recipe in plan.recipes.values()}

# Tables by how they are made, as paper/table.
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
    """Log of a job that makes runs: one a run, or one a cell where a job makes all its seeds."""
    return f"{cell}.log" if CONFIG.bundled else f"{cell}/seed-{{seed}}.log"


def per_seed(path):
    """Outputs of a job that makes runs: those of one run, or of all the seeds of a cell where they are bundled."""
    return expand(path, seed=CONFIG.seeds, allow_missing=True) if CONFIG.bundled else path


# Seeds that a job makes, in the order of its outputs, as its params have them.
SEEDS = list(CONFIG.seeds) if CONFIG.bundled else "{seed}"


def cell_of(wildcards):
    """Cell of a job that makes runs, in its paper's plan."""
    return f"{wildcards.dataset}/{wildcards.model}/{wildcards.variant}"


class Needs(NamedTuple):
    """What the jobs of a cell are made of and ask for: the same for every seed, so that it is worked out once."""

    identity: str  # of the recipe but for the seed
    subsets: str  # folder of the index files
    gpus: int
    training_minutes: int
    extraction_minutes: int
    memory_mb: int
    # Groups on a cluster: jobs that are short on a core share its jobs, every other is a job of its own.
    training_group: str | None
    measuring_group: str | None


@functools.cache
def needs_of(paper, cell):
    """Needs of a cell. A GPU is asked for where a run is not so cheap that a core is as good."""
    recipe = PLANS[paper].recipes[cell]
    wanted = CONFIG.device == "cuda" or (CONFIG.device == "auto" and cost.worth_a_gpu(recipe))
    gpus = CONFIG.gpus_per_job if wanted else 0
    rate = cost.GPU_RATE if gpus else cost.CORE_RATE
    shared = not gpus and cost.short(recipe)
    rounds = math.ceil((len(CONFIG.seeds) if CONFIG.bundled else 1) / max(1, gpus))
    return Needs(
        identity=recipe.identity(),
        subsets=f"{CONFIG.results}/data/{recipe.dataset}/subsets/{subset_name(recipe)}",
        gpus=gpus,
        training_minutes=math.ceil(5 + rounds * cost.training_minutes(recipe, rate)),
        extraction_minutes=math.ceil(5 + rounds * cost.extraction_minutes(recipe, rate)),
        memory_mb=cost.memory_mb(recipe) * max(1, gpus),
        training_group="training" if shared else None,
        measuring_group="measuring" if shared else None,
    )


def needed(name, retried=False):
    """Function of a job's wildcards that reads one of its Needs.

    `retried`: doubled at each retry, which goes on from the saved state.
    """

    def at_first(wildcards):
        return getattr(needs_of(wildcards.paper, cell_of(wildcards)), name)

    def at_attempt(wildcards, attempt):
        return at_first(wildcards) * 2 ** (attempt - 1)

    function = at_attempt if retried else at_first
    # Snakemake asks for it several times a job, and Python would work it out each time.
    function.__signature__ = inspect.signature(function)
    return function


def subsets_of(wildcards):
    """Index files of the runs that a job makes, one a seed."""
    folder = needs_of(wildcards.paper, cell_of(wildcards)).subsets
    return [f"{folder}/seed-{seed}.csv" for seed in (CONFIG.seeds if CONFIG.bundled else [wildcards.seed])]


def unrecorded(folder):
    """Whether a folder holds a run of whose making Snakemake has no record: one that was copied here."""
    path = f"{folder}/run.json"
    return os.path.exists(path) and workflow.persistence.metadata(IOFile(path)) is None


@functools.cache
def check_runs(paper, cell):
    """Stop at runs of a cell that were copied here and are not what is asked for: Snakemake can not tell.

    With --touch those that were made here too, as it makes Snakemake forget why a run is out of date.
    """
    recipe = PLANS[paper].recipes[cell]
    manifest = Path(DATA.format(dataset=recipe.dataset), "manifest.json")
    dataset = json.loads(manifest.read_text())["splits"]["train"]["sha256"] if manifest.exists() else None
    for seed in CONFIG.seeds:
        folder = f"{RESULTS}/runs/{paper}/{cell}/seed-{seed}"
        if unrecorded(folder) or (workflow.touch and os.path.exists(f"{folder}/run.json")):
            run = json.loads(Path(folder, "run.json").read_text())
            for what, wanted in (("recipe", recipe.at_seed(seed).sha256()), ("dataset", dataset)):
                if wanted not in (None, run[f"{what}_sha256"]):
                    raise WorkflowError(
                        f"{folder} holds a run of another {what} than is asked for, not made here: move it away, "
                        f"and it is trained here ('make list' names all such runs)"
                    )


def refuse_to_overwrite():
    """Stop before runs that were copied here are trained anew, only because Snakemake knows nothing of them."""
    doomed = [
        folder
        for job in workflow.dag.needrun_jobs()
        if job.rule.name == "train"
        for folder in (os.path.dirname(path) for path in job.output if path.endswith("run.json"))
        if unrecorded(folder)
    ]
    if doomed and not workflow.touch:
        raise WorkflowError(
            f"{len(doomed)} runs, as {doomed[0]}, were copied here and would be trained anew. 'make adopt' takes over "
            f"those whose recipe and dataset are the same (results/README.md); or move them away"
        )


def refuse_files_of_tomorrow():
    """Stop before a job works on files that were made before the clock was set back.

    Snakemake would throw away what it makes of them, as older than its inputs: after a training, at the worst.
    """
    inputs = {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
    ahead = sorted(path for path in inputs if os.path.exists(path) and os.path.getmtime(path) > time.time() + 60)
    if ahead and not workflow.touch:
        raise WorkflowError(
            f"{len(ahead)} files, as {ahead[0]}, are from the future. If the clock is wrong, set it right. If it was set "
            f"back, first give what is there the time of today: the same command with --touch --forceall --cores 1"
        )


def plan_of(name):
    """Plan of a table named paper/table."""
    return PLANS[name.partition("/")[0]]


def table_of(name):
    """Entry of a table named paper/table in its paper's file."""
    return plan_of(name).paper.tables[name.partition("/")[2]]


def metrics_of(paper, table):
    """metrics.csv of every run that a measured table reads, each once."""
    cells = dict.fromkeys(PLANS[paper].cells[table])
    return [f"{RESULTS}/runs/{paper}/{cell}/seed-{seed}/metrics.csv" for cell in cells for seed in CONFIG.seeds]


def spec_of(wildcards):
    """What a measured table reads, as JSON."""
    return plan_of(wildcards.measured).table_spec(Path(wildcards.measured).name).model_dump_json()


def datasets_of_draws(wildcards):
    """Prepared datasets of which a table measures random subsets: manifests and, as `ancient`, images."""
    subsets = plan_of(wildcards.drawn).subsets[Path(wildcards.drawn).name]
    folders = [DATA.format(dataset=dataset) for dataset in dict.fromkeys(subset.dataset for _, subset in subsets)]
    return [f"{folder}/manifest.json" for folder in folders] + [
        ancient(f"{folder}/train.safetensors") for folder in folders
    ]


def tables_of_figure(wildcards):
    """Tables of a figure, in the order its script takes them."""
    tables = PLANS[wildcards.paper].paper.figures[wildcards.figure].tables
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}.csv" for table in tables]


def script_sha256(paper, figure):
    """Checksum of a figure's script."""
    path = ROOT / "workflow" / "figures" / paper / f"{figure}.py"
    if not path.exists():
        raise WorkflowError(
            f"{path} is missing: every figure of config/papers/{paper}.yaml needs one, with draw(table)"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tables_of_claims(wildcards):
    """Tables that decide a figure's claims: seed by seed where they are measured."""
    plan = PLANS[wildcards.paper]
    by_seed = {*plan.cells, *plan.subsets}
    ending = {table: "_seeds.csv" if table in by_seed else ".csv" for table in plan.plan.tables}
    tables = plan.claims_spec(wildcards.figure).axes
    return [f"{RESULTS}/tables/{wildcards.paper}/{table}{ending[table]}" for table in tables]


def runs_of_paper(wildcards):
    """run.json of every run of a paper."""
    cells = PLANS[wildcards.paper].recipes
    return [f"{RESULTS}/runs/{wildcards.paper}/{cell}/seed-{seed}/run.json" for cell in cells for seed in CONFIG.seeds]


def grids_of_paper(wildcards):
    """Grids of a paper's measured tables, as JSON: a few lines, however many runs they hold."""
    return json.dumps([grid.model_dump(mode="json") for grid in PLANS[wildcards.paper].grids.values()])


def report_outputs():
    """Pages of the report."""
    tables = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.plan.tables]
    return [
        *[f"{RESULTS}/pages/tables/{table}.html" for table in tables],
        *[f"{RESULTS}/pages/runs/{paper}.html" for paper in PLANS],
        f"{RESULTS}/pages/claims.html",
    ]


def figure_outputs(plan, figure):
    """What the target of one figure makes: the figure, the verdicts on its claims, and the numbers behind both.

    Snakemake would not miss a deleted metrics file or table as long as the figure is there: so they are asked for too.
    """
    paper = plan.paper.name
    tables = plan.paper.figures[figure].tables
    drawn = [f"{RESULTS}/figures/{paper}/{figure}.{suffix}" for suffix in ("pdf", "png")]
    numbers = [f"{RESULTS}/tables/{paper}/{table}.csv" for table in tables]
    metrics = []
    for table in filter(plan.cells.get, tables):
        for cell in plan.cells[table]:
            check_runs(paper, cell)
        metrics += metrics_of(paper, table)
    return [*drawn, f"{RESULTS}/claims/{paper}/{figure}.csv", *numbers, *metrics]


def paper_outputs(plan):
    """What the target of one paper makes."""
    drawn = [output for figure in plan.figures() for output in figure_outputs(plan, figure)]
    return drawn + [f"{RESULTS}/claims/{plan.paper.name}.csv"]


def explain_target(wildcards):
    """Stop at a misspelt target, before anything runs, and name the targets there are."""
    target = wildcards.unknown
    elsewhere = [
        name
        for paper in PAPERS
        for name, scale in paper.scales.items()
        for figure, entry in paper.figures.items()
        if target in (figure, f"{paper.name}_{figure}") and set(entry.tables) <= set(scale.tables)
    ]
    if elsewhere:
        raise WorkflowError(f"{target} is not drawn at scale {CONFIG.scale}, only at {', '.join(elsewhere)}")
    short = PLANS[CONFIG.paper].figures() if CONFIG.paper in PLANS else []
    full = [f"{name}_{figure}" for name, plan in PLANS.items() for figure in plan.figures()]
    raise WorkflowError(f"unknown target {target}; valid choices: all, {', '.join([*short, *PLANS, *full])}")


onstart:
    unmade = [env for env in ("torch", "convex", "figures") if not (ROOT / ".venv" / env / ".installed").exists()]
    if unmade and not MANAGED:
        raise WorkflowError(
            f"the environments {', '.join(unmade)} are not installed: run 'make setup', "
            f"or use conda: --software-deployment-method conda"
        )
    refuse_to_overwrite()
    refuse_files_of_tomorrow()
