# The library, the environments of the jobs, and the checked configuration.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.sourcecache import LocalSourceFile

if not isinstance(workflow.current_basedir, LocalSourceFile):
    raise WorkflowError('a module from git takes path="workflow/Snakefile", not path="Snakefile"')

ROOT = Path(workflow.current_basedir).resolve().parent

# Jobs find the library and their scripts here, whatever folder Snakemake was started in.
os.environ.update(PYTHONPATH=str(ROOT / "workflow"))
sys.path.insert(0, str(ROOT / "workflow"))

try:
    from collapse.config import load_config
    from collapse.own import register
    from collapse.paper_files import load_papers
    from collapse.project import plan_of
    from collapse.strict import UserError
except ModuleNotFoundError as error:
    raise WorkflowError(
        f"{error.name} is missing beside Snakemake. Run from the environment of envs/workflow.yaml: "
        f"'make setup', then 'source .venv/workflow/bin/activate'; or conda env create -f envs/workflow.yaml"
    )

# PY_<ENV>: the Python that the shell commands of rules in that environment start. These are environment variables, not
# params: switching between conda and the virtual environments must not make results out of date.
MANAGED = {DeploymentMethod.CONDA, DeploymentMethod.APPTAINER} & set(workflow.deployment_settings.deployment_method)
PYTHONS = {
    env: "python" if MANAGED else str(ROOT / ".venv" / env / "bin" / "python")
    for env in ("torch", "convex", "figures", "atlas")
}
os.environ.update({f"PY_{env.upper()}": python for env, python in PYTHONS.items()})

# One thread for each job: by default NumPy and torch would take every core. Training sets its own number.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

try:
    CONFIG = load_config(config, ROOT / "config" / "papers")
    if prefix := workflow.modifier.path_modifier.prefix:
        # Of a module, which Snakemake gives a folder of its own, but in the paths of rules alone: not where they are made.
        CONFIG = CONFIG.model_copy(update={"results": str(Path(prefix, CONFIG.results).absolute())})
    register(CONFIG)
    PAPERS = load_papers(ROOT / "config" / "papers")
    PLANS, REFUSED = {}, {}  # by paper; of one that the user's protocol does not fit, the reason
    for paper in PAPERS:
        if CONFIG.scale in paper.scales:
            try:
                PLANS[paper.name] = plan_of(paper, CONFIG.scale, CONFIG)
            except UserError as error:
                if not CONFIG.protocol:
                    raise
                REFUSED[paper.name] = str(error)
except UserError as error:
    raise WorkflowError(str(error))

# Settings that must not make results out of date either.
os.environ.update(
    ATLAS_CONFIG=CONFIG.model_dump_json(),
    ATLAS_PAPERS=str(ROOT / "config" / "papers"),
    ATLAS_RESULTS=CONFIG.results,
    ATLAS_LOCKS=f"{CONFIG.results}/locks",
    ATLAS_DATA_ROOT=CONFIG.data_root,
    ATLAS_DOWNLOAD=str(CONFIG.download),
    ATLAS_DEVICE=CONFIG.device,
    ATLAS_JOBS_PER_GPU=str(CONFIG.jobs_per_gpu),
    ATLAS_GPUS_PER_JOB=str(CONFIG.gpus_per_job),
    ATLAS_SAVE_EVERY=str(CONFIG.save_every),
    ATLAS_SAY_EVERY=str(CONFIG.say_every),
    ATLAS_KEEP_CHECKPOINTS=CONFIG.keep_checkpoints,
)
