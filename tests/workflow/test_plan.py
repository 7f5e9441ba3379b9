"""What is planned, and what is refused before anything runs."""

import re
import shutil
import subprocess
from glob import glob
from importlib.util import find_spec

import pytest
from tests.workflow.project import BIN, ROOT, Project, read_configuration

from collapse.identity import subset_name
from collapse.resources import JobResources
from collapse.strict import ConfigError


@pytest.fixture(scope="module")
def layer_peeled(project):
    """Jobs that all of the paper takes at demo scale."""
    return project.planned("layer_peeled")


def test_both_entry_points_plan_the_same(project, layer_peeled):
    assert project.planned("layer_peeled", "--snakefile", "workflow/Snakefile") == layer_peeled


def cells(project, **changed):
    """Cells of each measured table, each once."""
    plan = read_configuration(project.folder, **changed)[1]["layer_peeled"]
    return {table: [plan.recipes[cell] for cell in names(plan, table)] for table in plan.points}


def names(plan, table):
    """Cells of a measured table, each once."""
    return dict.fromkeys(cell for _, cell, _ in plan.points[table])


def test_figures_share_runs(project, layer_peeled):
    """Balanced training is one run for all K_A; fig2 at one decay, fig5 at R = 70, fig6 at w_r = 1 are runs of fig4."""
    fig4, fig2, fig5, fig6, table1, moments = 3 * 5 + 1, 6, 3 * 2 + 1, 4, 2 * 3, 1
    assert layer_peeled["train"] == fig4 + fig2 + fig5 + fig6 + table1 + moments
    assert layer_peeled["train"] == layer_peeled["extract"] == layer_peeled["measure"]
    assert (len(cells(project)["fig4"]), len(cells(project)["fig6"])) == (fig4, 5)


def test_the_paper_scale_lists_the_published_grid(project):
    """fig6: 2 networks x 2 datasets x 3 majorities x 4 rates. How many jobs these are is tested below."""
    published = cells(project, scale="paper")
    assert len(published["fig6"]) == 2 * 2 * 3 * 4
    # fig4: 4 panels of (3 majorities x 4 ratios + the balanced run), 2 more ratios for ResNet18.
    assert len(published["fig4"]) == 4 * (3 * 4 + 1) + 2
    assert ("fashion_mnist", "7x6000_3x0") in {(recipe.dataset, subset_name(recipe)) for recipe in published["fig4"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig9"], "unknown target fig9. Did you mean fig"),
        (["nothing"], "valid choices: all, atlas, fig2, fig3, fig4, fig6, fig5, table1, balanced, deep_linear"),
        (["Fig6"], "unknown target Fig6. Did you mean fig6?"),
        (["papian"], "unknown target papian. Did you mean papyan?"),
        (["fig7"], "fig7 is no figure of layer_peeled, whose figures go by their short names: ask for papyan_fig7"),
        (["fig6", "--config", "seeds=5"], "seeds are a list, as [5]"),
        (
            ["fig6", "--config", "protocol={step_epochs: 40}"],
            "--config protocol={step_epochs: 40} on config/pap",
        ),
        (
            ["papyan", "--config", "scale=paper", "data_root=/nonexistent", "download=false"],
            "data_root=/nonexistent, which does not exist, and download=false",
        ),
        (["fig5", "--config", "scale=small"], "fig5 is not drawn at scale small, only at demo, paper"),
        (["fig6", "--config", "scal=demo"], "unknown key scal; valid keys: paper, scale"),
        (["fig6", "--config", "protocol={batch_size: 1399}"], "leaves a last batch of one sample"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_error(project, arguments, message):
    assert message in project.error(*arguments)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scale": "huge"}, "scale: Input should be 'demo', 'small' or 'paper'"),
        ({"paper": "nobody"}, "unknown paper 'nobody'; valid choices: across, deep_linear, equi_separation"),
        ({"seeds": [0, 0]}, "seeds: a seed appears twice"),
        ({"protocol": {"learning_rat": 1}}, "first_phase, dtype. Did you mean learning_rate?"),
        ({"protocol": {"momentum": 1.5}}, "protocol.momentum: Input should be less than 1"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(project, changed, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_configuration(project.folder, **changed)


def test_a_protocol_has_to_fit_the_papers_that_are_asked_for_alone(project):
    """step_epochs does not go with the milestones of other papers."""
    steps = ("--config", "protocol={step_epochs: 40}")
    assert project.planned("memorization_dilation_fig1", *steps)["train"]
    assert "--config protocol={step_epochs: 40} on config/papers/" in project.error("all", *steps)


def test_a_changed_protocol_is_said_to_make_other_runs(project):
    said = project.run("--dry-run", "fig6", "--config", "protocol={learning_rate: 0.05}")
    assert "protocol={learning_rate: 0.05} makes other runs than the papers' protocols: 15 of them to train" in said
    assert "makes other runs" not in project.run("--dry-run", "fig6")


def test_environments_that_are_not_installed_are_said_before_any_job(tmp_path):
    project = Project.fresh(tmp_path)
    shutil.rmtree(tmp_path / ".venv")
    assert project.planned("fig6")["train"] == 5  # planning needs none of them
    assert not (tmp_path / "results").exists()
    assert f"not installed: make -C {tmp_path} setup" in project.error("fig6")


@pytest.mark.skipif(bool(glob("/dev/nvidia[0-9]*")), reason="there is a GPU here")
def test_a_device_that_this_machine_lacks_is_said_before_any_job(one_cell, tmp_path):
    project = one_cell.copy(tmp_path)
    shutil.rmtree(project.folder / "results")
    said = project.error("fig1", "--config", "device=cuda")
    assert "device=cuda is not available on" in said
    assert "set device to auto or cpu in config/config.yaml" in said


@pytest.mark.skipif(bool(find_spec("snakemake_executor_plugin_slurm")), reason="the plugin is here")
def test_without_the_slurm_plugin_the_profile_says_how_to_get_it(project):
    said = project.error("--workflow-profile", "slurm", "fig6")
    assert "Run make setup-slurm, then source .venv/slurm/bin/activate" in said
    assert "usage:" not in said


def test_a_mistake_in_a_papers_file_is_one_clear_error(project, tmp_path):
    copied = project.copy(tmp_path)
    grid = copied.folder / "config/papers/layer_peeled/scales/demo.yaml"
    grid.write_text(grid.read_text().replace("ratio: 70, oversampling", "ratio: 141, oversampling"))
    output = copied.error("fig6")
    assert "config/papers/layer_peeled/scales/demo.yaml, tables.fig6" in output
    assert "ratio 141 leaves the minority classes empty: n_major is 140, so the largest ratio is 140" in output
    assert "Traceback" not in output


def test_what_is_generated_is_up_to_date(tmp_path):
    names = ["README.md", "config/README.md", "docs/metrics.md"]
    names += [f"config/schemas/{name}.json" for name in ("config", "paper", "scale")]
    copies = [tmp_path / name for name in names]
    for name, copy in zip(names, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy)
    command = [BIN / "python", ROOT / "workflow/scripts/generate_docs.py", *copies]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    for name, copy in zip(names, copies, strict=True):
        assert copy.read_text() == (ROOT / name).read_text(), f"{name}: run make docs"


def asked(project, *arguments):
    """Resources of each training that a dry run of fig6 plans."""
    output = project.run("--dry-run", "fig6", *arguments, "--quiet", "host")
    found = re.findall(r"rule train:.*?resources: ([^\n]+)", output, flags=re.DOTALL)
    return [{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)} for line in found]


def needed(project, **changed):
    """Resources of each cell of fig6 at paper scale."""
    config, plans = read_configuration(project.folder, scale="paper", **changed)
    plan = plans["layer_peeled"]
    return [JobResources.of(plan.recipes[cell], config) for cell in names(plan, "fig6")]


def limits(cells, runs=1):
    """Time limits of jobs that make so many runs."""
    return [cell.minutes(cell.training_minutes, runs) for cell in cells]


def test_a_job_asks_for_what_its_recipe_takes(project):
    every = [{}, {"device": "cpu"}, {"bundle_seeds": True}, {"bundle_seeds": True, "gpus_per_job": 3}]
    apart, on_cores, bundled, abreast = (needed(project, **changed) for changed in every)
    assert [{cell.gpus for cell in cells} for cells in (apart, on_cores, bundled, abreast)] == [{1}, {0}, {1}, {3}]
    assert min(limits(apart)) == min(limits(abreast, 3)) < min(limits(bundled, 3)) < min(limits(on_cores))
    assert sum(cell.memory_mb for cell in abreast) == 3 * sum(cell.memory_mb for cell in apart)
    for jobs_a_cell, cells, runs, changed in (
        (3, apart, 1, ()), (1, abreast, 3, ("bundle_seeds=true", "gpus_per_job=3"))
    ):  # fmt: skip
        jobs = asked(project, "--config", "scale=paper", *changed)
        assert sorted((job["gpu"], job["runtime"], job["mem_mb"]) for job in jobs) == sorted(
            (cell.gpus, limit, cell.memory_mb)
            for cell, limit in zip(cells, limits(cells, runs), strict=True)
            for _ in range(jobs_a_cell)
        )
    jobs = asked(project, "--set-resources", "train:runtime=240")
    assert {(job["gpu"], job["runtime"]) for job in jobs} == {(0, 240)}


def test_a_jobs_time_limit_counts_the_runs_that_are_still_to_make(project, tmp_path):
    copied = project.copy(tmp_path)
    config, plans = read_configuration(copied.folder, protocol={"epochs": 20000})
    plan = plans["layer_peeled"]
    cells, long = list(names(plan, "fig6")), ("--config", "protocol={epochs: 20000}")
    every = [JobResources.of(plan.recipes[cell], config) for cell in cells]
    for missing in (3, 1):
        assert sorted(job["runtime"] for job in asked(copied, *long)) == sorted(limits(every, missing))
        for cell in cells:
            for seed in (0, 1):
                run = copied.folder / "results/runs" / cell / f"seed-{seed}" / "run.json"
                run.parent.mkdir(parents=True, exist_ok=True)
                run.touch()
    assert min(limits(every, 1)) < min(limits(every, 3))


def test_short_jobs_share_a_job_of_the_cluster_with_those_of_their_kind(project):
    """On a core, on a GPU: a GPU job that takes minutes has no job of its own."""
    groups = {}
    for device, epochs in (("cpu", 2), ("cuda", 2), ("cuda", 10**10)):
        config, plans = read_configuration(project.folder, device=device, protocol={"epochs": epochs})
        jobs = [JobResources.of(recipe, config) for recipe in plans["layer_peeled"].recipes.values()]
        groups[device, epochs] = {(job.gpus, job.training_group, job.measuring_group) for job in jobs}
    assert groups == {
        ("cpu", 2): {(0, "training", "measuring")},
        ("cuda", 2): {(1, "training_gpu", "measuring_gpu")},
        ("cuda", 10**10): {(1, None, None)},
    }
