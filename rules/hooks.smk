# What Snakemake does and prints at the start and at the end of a call. During the call it prints how many runs are
# trained; at the end it prints the figures and verdicts that were made, or the jobs that failed.

import atexit
import shlex
import signal
import subprocess
import time

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

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
    """Whether a record is more than the begin and the end of a job, of which Snakemake says four lines."""
    said = record.getMessage().startswith(("Select jobs to execute", "Execute "))
    return not said and getattr(record, "event", None) not in ("job_finished", "progress")


def say_other_runs():
    """Say how many runs the user's changes of the protocol make this call train."""
    runs = sum(training.runs for training in trainings()) if CONFIG.protocol else 0
    if runs:
        given = ", ".join(f"{key}: {value}" for key, value in CONFIG.protocol.items())
        say(f"protocol={{{given}}} makes other runs than the papers' protocols: {runs} of them to train")


def say_made():
    """Say what this call made, and keep the names of the figures for make open."""
    figures = drawn_figures()
    lines = closing_lines(Path(RESULTS), figures)
    pages = [f"{RESULTS}/atlas.html" for job in workflow.dag.jobs if job.rule.name == "atlas"]
    lines += [f"the atlas, for any browser: {page}" for page in pages]
    say("\n".join([*lines, f"done in {duration(time.monotonic() - BEGAN)}"]))
    if figures and not workflow.dryrun:
        names = [*pages, *(f"{RESULTS}/figures/{paper}/{figure}.png" for paper, figure, _ in figures)]
        Path(CONFIG.results, "made.txt").write_text("".join(f"{name}\n" for name in names))


def say_at_exit():
    """What is said of a call that ran nothing: of a dry run, or where everything was made before."""
    if LISTENER.nothing_to_do:
        say_made()
    elif workflow.dryrun and workflow.dag:
        say_other_runs()


def note_interrupt(number, frame):
    """Remember that the user has pressed Ctrl-C, then raise KeyboardInterrupt, as Python does by itself.

    Ctrl-C also ends the jobs, and Snakemake may log their failures before it logs the interrupt.
    """
    LISTENER.interrupted = True
    signal.default_int_handler(number, frame)


def write_plans():
    """Tables are made from these files; a table's param is its plan's checksum."""
    for plan in PLANS.values():
        plan.write(Path(CONFIG.results, CONFIG.scale, "plans"))


UNMADE = [env for env in PYTHONS if not MANAGED and not (ROOT / ".venv" / env / ".installed").exists()]
NOT_INSTALLED = (
    f"the environments {', '.join(UNMADE)} are not installed: make -C {shlex.quote(str(ROOT))} setup "
    f"installs them; or use conda: --software-deployment-method conda"
)

if workflow.modifier.parent_modifier:  # a module of another workflow: Snakemake calls no hooks of it
    write_plans()
    if UNMADE and workflow.is_main_process:
        logger.warning(f"module {workflow.modifier.namespace}: {NOT_INSTALLED}")
elif workflow.is_main_process:
    logger.addHandler(LISTENER)
    atexit.register(say_at_exit)


def check_device():
    """Stop before the first job where the configured device is missing and the jobs run on this machine."""
    if CONFIG.device not in ("cuda", "mps") or MANAGED or not workflow.local_exec:
        return
    command = [PYTHONS["torch"], "-P", "-m", "scripts.check_device", "--device", CONFIG.device]
    asked = subprocess.run(command, capture_output=True, text=True)
    if asked.returncode:
        raise WorkflowError(asked.stderr.strip().splitlines()[-1].removeprefix("error: "))


onstart:
    if UNMADE:
        raise WorkflowError(NOT_INSTALLED)
    check_device()
    write_plans()
    signal.signal(signal.SIGINT, note_interrupt)
    if Quietness.RULES in workflow.output_settings.quiet:
        logger.addFilter(is_news)
    say_other_runs()


onsuccess:
    say_made()


# At the exit of Snakemake, so that it is the last thing said.
onerror:
    if LISTENER.interrupted:
        lines = [
            "interrupted: what is finished is kept; the same command goes on, trainings from their last saved state"
        ]
    else:
        lines = [line for rule, logs in LISTENER.failed.values() for line in fault_lines(rule, logs)]
        lines.append("what is finished is kept: the same command goes on from there")
    atexit.register(say, "\n".join(lines))
