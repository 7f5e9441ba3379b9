"""What is planned, and what is refused before anything runs."""

import re
import subprocess
from pathlib import Path

import pytest
from tests.workflow.project import BIN, ROOT, Project


def test_the_workflow_is_lint_clean(project):
    assert "good condition" in project.run("--lint")


def test_both_entry_points_plan_the_same(project):
    assert project.planned("fig6") == project.planned("fig6", "--snakefile", "workflow/Snakefile")


def test_figures_share_runs(project):
    """Balanced training is one run for all K_A; fig2 at one decay, fig5 at R = 70, fig6 at w_r = 1 are runs of fig4."""
    fig4, fig2, fig5, fig6, table1 = 3 * 5 + 1, 6, 3 * 2 + 1, 4, 2 * 3
    jobs = project.planned("layer_peeled")
    assert jobs["train"] == jobs["extract"] == jobs["measure"] == fig4 + fig2 + fig5 + fig6 + table1
    assert project.planned("fig4")["train"] == fig4
    assert project.planned("fig6")["train"] == 5


def test_the_paper_scale_lists_the_published_grid(project):
    """fig6: 2 networks x 2 datasets x 3 majorities x 4 rates, 3 seeds each; no seed is bundled with another."""
    jobs = project.planned("fig6", "--config", "scale=paper")
    assert jobs["train"] == 2 * 2 * 3 * 4 * 3
    # fig4: 4 panels of (3 majorities x 4 ratios + the balanced run), 2 more ratios for ResNet18.
    assert project.planned("fig4", "--config", "scale=paper")["train"] == (4 * (3 * 4 + 1) + 2) * 3


def test_an_absent_paper_recipe_at_infinite_ratio_has_no_minority(project):
    output = project.run("--dry-run", "fig4", "--config", "scale=paper")
    assert "results/data/fashion_mnist/subsets/7x6000_3x0/seed-0.csv" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["fig7"],
            "unknown target fig7; valid choices: all, fig2, fig3, fig4, fig6, fig5, table1, balanced, equi_separation",
        ),
        (["fig5", "--config", "scale=small"], "fig5 is not drawn at scale small, only at demo, paper"),
        (["fig6", "--config", "scal=demo"], "unknown key scal; valid keys: paper, scale"),
        (["fig6", "--config", "scale=huge"], "scale: Input should be 'demo', 'small' or 'paper'"),
        (["fig6", "--config", "paper=nobody"], "unknown paper 'nobody'; valid choices: equi_separation, layer_peeled"),
        (["fig6", "--config", "seeds=[0, 0]"], "seeds: a seed appears twice"),
        (["fig6", "--config", "protocol={learning_rat: 1}"], "unknown key learning_rat; valid keys: optimizer"),
        (["fig6", "--config", "protocol={momentum: 1.5}"], "protocol.momentum: Input should be less than 1"),
        (["fig6", "--config", "protocol={batch_size: 1399}"], "leaves a last batch of one sample"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_error(project, arguments, message):
    assert message in project.error(*arguments)


def test_environments_that_are_not_installed_are_said_before_any_job(tmp_path):
    project = Project.fresh(tmp_path)
    (tmp_path / ".venv").unlink()
    assert project.planned("fig6")["train"] == 5  # planning needs none of them
    assert "not installed: run 'make setup'" in project.error("fig6")


def test_a_mistake_in_a_papers_file_is_one_clear_error(project, tmp_path):
    copied = project.copy(tmp_path)
    paper = copied.folder / "config/papers/layer_peeled.yaml"
    paper.write_text(paper.read_text().replace("ratio: 70, oversampling", "ratio: 141, oversampling"))
    output = copied.error("fig6")
    assert "config/papers/layer_peeled.yaml, scales.demo.tables.fig6" in output
    assert "ratio 141 leaves the minority classes empty: n_major is 140, so the largest ratio is 140" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "name",
    ["README.md", "config/README.md", "docs/metrics.md", "config/schemas/config.json", "config/schemas/paper.json"],
)
def test_the_tables_of_the_documentation_are_up_to_date(name, tmp_path):
    copy = tmp_path / Path(name).name
    copy.write_text((ROOT / name).read_text())
    command = [BIN / "python", ROOT / "workflow/scripts/generate_docs.py", copy]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    assert copy.read_text() == (ROOT / name).read_text(), "run: make docs"


def asked(project, *arguments):
    """Resources of each training that a dry run of fig6 plans."""
    output = project.run("--dry-run", "fig6", *arguments)
    found = re.findall(r"rule train:.*?resources: ([^\n]+)", output, flags=re.DOTALL)
    return [{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)} for line in found]


def test_a_job_asks_for_what_its_recipe_takes(project):
    apart = asked(project, "--config", "scale=paper")
    on_cores = asked(project, "--config", "scale=paper", "device=cpu")
    bundled = asked(project, "--config", "scale=paper", "bundle_seeds=true")
    abreast = asked(project, "--config", "scale=paper", "bundle_seeds=true", "gpus_per_job=3")
    assert len(apart) == len(on_cores) == 3 * len(bundled) == 3 * len(abreast)
    assert [{job["gpu"] for job in jobs} for jobs in (apart, on_cores, bundled, abreast)] == [{1}, {0}, {1}, {3}]
    shortest = [min(job["runtime"] for job in jobs) for jobs in (apart, on_cores, bundled, abreast)]
    assert shortest[0] == shortest[3] < shortest[2] < shortest[1]
    assert sum(job["mem_mb"] for job in abreast) == sum(job["mem_mb"] for job in apart)
    assert {job["gpu"] for job in asked(project)} == {0}
    assert {job["runtime"] for job in asked(project, "--set-resources", "train:runtime=240")} == {240}
