# Checks before any job: stop where Snakemake would silently train again, overwrite or use the wrong runs and files.

import time

from snakemake.io import IOFile


def unrecorded(folder):
    """Whether a folder holds a run that was copied here: Snakemake has no record of making it."""
    path = f"{folder}/run.json"
    return os.path.exists(path) and workflow.persistence.metadata(IOFile(path)) is None


@functools.cache
def check_runs(paper, cell):
    """Stop if a cell holds copied runs of another recipe or dataset, which Snakemake can not detect.

    With --touch, check runs made here too: --touch makes Snakemake forget why a run is out of date.
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
    """Stop if copied runs would be trained again only because Snakemake has no record of them."""
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
    """Stop if a job's inputs have times in the future, as after the clock was set back.

    Snakemake would delete the job's outputs as older than its inputs: at worst after a long training.
    """
    inputs = {str(path) for job in workflow.dag.needrun_jobs() for path in job.input}
    ahead = sorted(path for path in inputs if os.path.exists(path) and os.path.getmtime(path) > time.time() + 60)
    if ahead and not workflow.touch:
        raise WorkflowError(
            f"{len(ahead)} files, as {ahead[0]}, are from the future. If the clock is wrong, set it right. If it was set "
            f"back, first give what is there the time of today: the same command with --touch --forceall --cores 1"
        )


onstart:
    unmade = [env for env in ("torch", "convex", "figures") if not (ROOT / ".venv" / env / ".installed").exists()]
    if unmade and not MANAGED:
        raise WorkflowError(
            f"the environments {', '.join(unmade)} are not installed: run 'make setup', "
            f"or use conda: --software-deployment-method conda"
        )
    refuse_to_overwrite()
    refuse_files_of_tomorrow()
