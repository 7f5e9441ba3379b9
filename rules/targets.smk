# What a target makes, what its figure is drawn by, and what is said of one that does not exist.

import hashlib


def report_outputs():
    """Pages of the report."""
    tables = [f"{paper}/{table}" for paper, plan in PLANS.items() for table in plan.scale.tables]
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


def script_sha256(paper, figure):
    """Checksum of a figure's script."""
    path = ROOT / "workflow" / "figures" / paper / f"{figure}.py"
    if not path.exists():
        raise WorkflowError(
            f"{path} is missing: every figure of config/papers/{paper}.yaml needs one, with draw(table)"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
