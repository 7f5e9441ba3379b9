# Outputs, inputs and requests of the jobs that make runs: train, extract, measure.

import functools
import inspect

from collapse.identity import identity
from collapse.resources import JobResources

# A cluster's profile that puts jobs in groups says, by the resource in_turn, how many of a group run at once. Elsewhere
# groups would do nothing but make planning slower.
GROUPED = "in_turn" in workflow.resource_settings.resources
IN_TURN = {"in_turn": 1} if GROUPED else {}


def bundle(path):
    """Outputs of one job for all seeds of the configuration, if seeds are bundled, else for one.

    Tables may have further seeds: the rules <rule>_seed make these one by one.
    """
    return expand(path, seed=CONFIG.seeds, allow_missing=True) if CONFIG.bundled else path


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
    known = vars(wildcards)
    seeds = [known["seed"]] if "seed" in known else CONFIG.seeds
    return [*dict.fromkeys(path.format_map({**known, "seed": seed}) for seed in seeds)]


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


def group(name):
    """The group that a cluster's job joins, by the field `name` of JobResources; None where there are no groups."""
    return asked(name) if GROUPED else None


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
