# The outputs of each target, the checksum of a figure's script, and the error for an unknown target.

import hashlib

from collapse.strict import did_you_mean


def figure_outputs(plan, figure):
    """Outputs of a figure's target: the figure, the verdicts on its claims, its tables, its runs' metrics, and what its
    studies chose.

    Tables, metrics and choices are listed too: while the figure exists, Snakemake would not notice that one was deleted.
    """
    paper = plan.paper.name
    tables = plan.paper.figures[figure].tables
    drawn = [f"{RESULTS}/figures/{paper}/{figure}.{suffix}" for suffix in ("pdf", "png")]
    numbers = [f"{RESULTS}/tables/{paper}/{table}.csv" for table in tables]
    metrics = []
    for table in filter(plan.points.get, tables):  # of a table that waits for studies, nobody knows the runs yet
        metrics += metrics_of(paper, table)
    studies = [study.folder for table in tables if table in plan.studied() for _, study in plan.trials_of(table)]
    chosen = [f"{STUDY}/best.json".format(paper=paper, study=folder) for folder in studies]
    # Of a job that waits for a checkpoint, Snakemake looks at nothing else: the checkpoint has to be asked for.
    chosen += [
        f"{RESULTS}/studies/{paper}/{plan.choices_name(table)}.json" for table in tables if takes_values(plan, table)
    ]
    return [*drawn, f"{RESULTS}/claims/{paper}/{figure}.csv", *numbers, *metrics, *chosen]


def script_sha256(paper, figure):
    """Checksum of a figure's script."""
    path = ROOT / "workflow" / "figures" / paper / f"{figure}.py"
    if not path.exists():
        raise WorkflowError(
            f"{path} is missing: every figure of config/papers/{paper}/paper.yaml needs one, with draw(table)"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def paper_outputs(plan):
    """Outputs of a paper's target."""
    drawn = [output for figure in plan.figures() for output in figure_outputs(plan, figure)]
    return drawn + [f"{RESULTS}/claims/{plan.paper.name}.csv"]


def asked_figures():
    """Figures for the page, as (plan, figure): those that this call makes, and those that are made already.

    `snakemake atlas` starts no other figure. A figure that is out of date, as after a change of the seeds, is made again.
    """
    asked = set(workflow.dag_settings.targets) or {"all"}
    for plan in PLANS.values():
        for figure in plan.figures():
            paper = plan.paper.name
            names = {"all", paper, f"{paper}_{figure}"} | ({figure} if paper == CONFIG.paper else set())
            if asked & names or Path(f"{RESULTS}/claims/{paper}/{figure}.csv").exists():
                yield plan, figure


def shown_in_atlas(wildcards):
    """Files that the page is made of."""
    for plan, figure in asked_figures():
        paper = plan.paper.name
        yield f"{RESULTS}/claims/{paper}/{figure}.csv"
        yield f"{RESULTS}/figures/{paper}/{figure}.png"
        for table in plan.paper.figures[figure].tables:
            yield f"{RESULTS}/tables/{paper}/{table}.csv"


def everything(wildcards):
    """Outputs of all papers; stops where the user's protocol does not fit one."""
    for reason in REFUSED.values():
        raise WorkflowError(reason)
    return [output for plan in PLANS.values() for output in paper_outputs(plan)]


def explain_target(wildcards):
    """Stop at an unknown target, before anything runs, with the list of valid targets."""
    target = wildcards.unknown
    for paper in PAPERS:
        short = paper.figures if paper.name == CONFIG.paper else ()
        if paper.name in REFUSED and target in (
            paper.name,
            *short,
            *(f"{paper.name}_{name}" for name in paper.figures),
        ):
            raise WorkflowError(REFUSED[paper.name])
    elsewhere = [
        name
        for paper in PAPERS
        for name, scale in paper.scales.items()
        for figure, entry in paper.figures.items()
        if target in (f"{paper.name}_{figure}", figure if paper.name == CONFIG.paper else None)
        and set(entry.tables) <= set(scale.tables)
    ]
    if elsewhere:
        raise WorkflowError(f"{target} is not drawn at scale {CONFIG.scale}, only at {', '.join(elsewhere)}")
    full = [f"{name}_{target}" for name, plan in PLANS.items() if target in plan.figures()]
    if full:
        raise WorkflowError(
            f"{target} is no figure of {CONFIG.paper}, whose figures go by their short names: ask for {' or '.join(full)}"
        )
    short = PLANS[CONFIG.paper].figures() if CONFIG.paper in PLANS else []
    names = [
        "all",
        "atlas",
        *short,
        *PLANS,
        *(f"{name}_{figure}" for name, plan in PLANS.items() for figure in plan.figures()),
    ]
    hint = did_you_mean(target, names)
    known = "" if hint else f"; valid choices: all, atlas, {', '.join([*short, *PLANS])}, and <paper>_<figure>"
    raise WorkflowError(f"unknown target {target}{known}{hint}")
