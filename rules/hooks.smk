# What a call does at its start and at its end, and what it says: how many runs are trained while it runs, then what it
# made, or what went wrong.

import atexit
import time

from snakemake.logging import logger

from collapse.cost import training_minutes
from collapse.duration import duration
from collapse.summary import Listener, Training, closing_lines, fault_lines

BEGAN = time.monotonic()


def say(line):
    """Print a line where Snakemake prints its own."""
    print(line, file=sys.stderr, flush=True)


def trainings():
    """The jobs of this call that train."""
    for job in list(workflow.dag.needrun_jobs(exclude_finished=False)):
        if job.rule.name in ("train", "train_seed"):
            recipe = RECIPES["{dataset}/{model}/{run}".format(**job.wildcards_dict)]
            yield Training(workflow.dag.finished(job), len(job.output), training_minutes(recipe) * len(job.output))


def drawn_figures():
    """Figures of this call, as (paper, figure, tables)."""
    drawn = {(job.wildcards.paper, job.wildcards.figure) for job in workflow.dag.jobs if job.rule.name == "render"}
    plans = {paper: PLANS[paper] for paper, _ in drawn}
    return [
        (paper, figure, plan.paper.figures[figure].tables)
        for paper, plan in plans.items()
        for figure in plan.figures()
        if (paper, figure) in drawn
    ]


LISTENER = Listener(trainings, say)


def is_news(record):
    """Whether a record is more than that Snakemake looks for jobs, which it says twice a job."""
    return not record.getMessage().startswith(("Select jobs to execute", "Execute "))


onstart:
    unmade = [env for env in ("torch", "convex", "figures") if not (ROOT / ".venv" / env / ".installed").exists()]
    if unmade and not MANAGED:
        raise WorkflowError(
            f"the environments {', '.join(unmade)} are not installed: run 'make setup', "
            f"or use conda: --software-deployment-method conda"
        )
    # Tables are made from these files; a table's param is its plan's checksum.
    for plan in PLANS.values():
        plan.write(Path(CONFIG.results, CONFIG.scale, "plans"))
    logger.addFilter(is_news)
    logger.addHandler(LISTENER)


onsuccess:
    lines = closing_lines(Path(RESULTS), drawn_figures())
    say("\n".join([*lines, f"made in {duration(time.monotonic() - BEGAN)}"]))


# At the exit of Snakemake, so that it is the last thing said.
onerror:
    lines = [line for rule, logs in LISTENER.failed.values() for line in fault_lines(rule, logs)]
    lines.append(
        "what is finished is kept: the same command goes on from there"
        if lines
        else "interrupted: what is finished is kept, and trainings are at their last saved state; the same command goes on"
    )
    atexit.register(say, "\n".join(lines))
