# Studies, and what their jobs and the tables that take values from them ask for.

from collapse.resources import JobResources
from collapse.studies.chosen import chosen_values

STUDY = f"{RESULTS}/studies/{{paper}}/{{study}}"
JOURNAL = f"{CONFIG.results}/state/studies/{{paper}}/{{study}}.journal"
STUDIES = {
    (paper, study.folder): study
    for paper, plan in PLANS.items()
    for studies in plan.studies.values()
    for study in studies
}


def study_of(wildcards):
    """The Study of a folder of studies/<paper>/."""
    try:
        return STUDIES[wildcards.paper, wildcards.study]
    except KeyError:
        raise WorkflowError(f"{wildcards.paper} has no study {wildcards.study} at scale {CONFIG.scale}")


def study_resources(wildcards):
    """Requests of a worker's job, those of the first value of each searched axis."""
    study = study_of(wildcards)
    return JobResources.of(study.recipe(study.example), CONFIG)


def study_minutes(wildcards, attempt):
    """Time limit of a worker's job, which makes its trials one after another."""
    study, resources = study_of(wildcards), study_resources(wildcards)
    each = resources.training_minutes + resources.extraction_minutes
    return resources.minutes(each, study.share(int(wildcards.worker))) * 2 ** (attempt - 1)


def await_studies(paper, table):
    """Plan a table whose grid takes values from studies, once they have chosen; until then, Snakemake waits for them."""
    plan = PLANS[paper]
    if table not in plan.waiting:
        return
    checkpoints.studies_chose.get(paper=paper, chosen=plan.choices_name(table))
    plan.settle(chosen_values(Path(RESULTS, "studies")))
    plan.write(Path(RESULTS, "plans"))
    RECIPES.update(plan.recipes)
    MEASURINGS.update(plan.measurings)


def takes_values(plan, table):
    """Whether a table's grid takes values from studies."""
    return table in plan.grids and bool(plan.grids[table].studies)


def bests_of_table(wildcards):
    """best.json of each study from which a table's grid takes values."""
    plan = PLANS[wildcards.paper]
    table = next((name for name in plan.grids if plan.choices_name(name) == wildcards.chosen), None)
    if table is None:
        raise WorkflowError(f"no table of {wildcards.paper} takes values from the studies of {wildcards.chosen}")
    return [f"{STUDY}/best.json".format(paper=wildcards.paper, study=study.folder) for study in plan.studies_of(table)]


def dataset_of_study(file):
    """An input function: a file of the study's dataset."""
    return lambda wildcards: f"{CONFIG.results}/data/{study_of(wildcards).axes['dataset']}/{file}"


def results_of_studies(file):
    """An input function: a file of each study whose trials a table shows."""

    def files(wildcards):
        paper, _, table = wildcards.studied.partition("/")
        return [f"{STUDY}/{file}".format(paper=paper, study=study.folder) for _, study in PLANS[paper].trials_of(table)]

    return files


def keys_of_studies(wildcards):
    """The key columns of each study whose trials a table shows, as JSON."""
    paper, _, table = wildcards.studied.partition("/")
    return json.dumps([axes for axes, _ in PLANS[paper].trials_of(table)])
