"""What a call says while it runs and at its end."""

import logging
import subprocess

import pytest
from tests.workflow.project import CELL, ROOT

from collapse.summary import Listener, Training, closing_lines, fault_lines

VERDICTS = "verdict,statement,ours,condition,n,reason\n"
TABLE = "results/demo/tables/one_cell/fig1.csv"


@pytest.fixture
def project(one_cell, tmp_path):
    """A project in which the figure was made, at seeds 0 and 1."""
    return one_cell.copy(tmp_path)


def heard(listener, event, **more):
    record = logging.makeLogRecord({"event": event, **more})
    listener.handle(record)


def test_a_call_ends_with_its_figure_its_table_and_its_time_also_where_nothing_was_to_do(project):
    for delete in (True, False):
        if delete:
            (project.folder / TABLE).unlink()
        said = project.run("fig1")
        assert ("Nothing to be done" in said) is not delete
        *_, figure, table, time = [line for line in said.splitlines() if "log(s)" not in line and "Elapsed" not in line]
        assert figure == "one_cell fig1: results/demo/figures/one_cell/fig1.png"
        assert table.strip() == TABLE
        assert time.startswith("done in ")
    assert (project.folder / "results/made.txt").read_text() == "results/demo/figures/one_cell/fig1.png\n"


def test_a_call_does_not_list_the_files_of_its_jobs_unless_asked(project):
    (project.folder / TABLE).unlink()
    assert "Missing output files" not in project.run("fig1")
    (project.folder / TABLE).unlink()
    assert "Missing output files" in project.run("fig1", "--quiet", "host")


def test_the_time_left_is_by_the_work_that_is_left():
    said = []
    jobs = [Training(False, 3, 1.0), Training(False, 3, 9.0)]
    listener = Listener(lambda: jobs, said.append, every=0)
    listener.began -= 60  # a minute ago
    heard(listener, "job_info", jobid=1)
    assert said == []  # nothing is trained yet
    jobs[0] = Training(True, 3, 1.0)
    heard(listener, "job_info", jobid=2)
    heard(listener, "job_info", jobid=3)
    assert said == ["3 of 6 runs trained, about 9 min 00 s left"]
    jobs[1] = Training(True, 3, 9.0)
    heard(listener, "job_info", jobid=4)
    assert said[1:] == ["6 of 6 runs trained"]


def test_a_job_that_failed_and_is_started_again_is_no_fault():
    listener = Listener(list, print)
    for job in (1, 2):
        heard(listener, "job_error", jobid=job, rule_name="train", log=[f"{job}.log"])
    heard(listener, "job_info", jobid=1)
    assert list(listener.failed.values()) == [("train", ["2.log"])]


def test_a_fault_is_told_by_the_jobs_own_error_or_its_last_words(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("begun\nerror: the disk is full: free some\nbye\n")
    assert fault_lines("train", [str(log)])[1:] == ["  error: the disk is full: free some"]
    log.write_text("a\nb\nc\nKilled\n")
    assert fault_lines("train", [str(log)])[1:] == ["  b", "  c", "  Killed"]
    assert fault_lines("train", [str(tmp_path / "missing.log")])[1:] == []


def test_of_many_figures_verdicts_are_counted_and_failing_claims_named(tmp_path):
    folder = tmp_path / "claims/paper"
    folder.mkdir(parents=True)
    for name, verdict in zip("abcd", ("holds", "holds", "fails", "holds"), strict=True):
        (folder / f"{name}.csv").write_text(f"{VERDICTS}{verdict},claim {name},0.5,> 1,3,\n")
    lines = closing_lines(tmp_path, [("paper", name, ("table",)) for name in "abcd"])
    assert lines[0] == f"paper: 4 figures in {tmp_path}/figures/paper; 4 claims: 3 holds, 1 fails"
    assert lines[1:] == ["       fails: claim c (0.5, wanted > 1, n = 3)"]
    few = closing_lines(tmp_path, [("paper", "c", ("table",))])
    assert few[-1] == "       fails: claim c (0.5, wanted > 1, n = 3)"


def show(project, *arguments):
    command = [ROOT / ".venv/figures/bin/python", "-P", "-m", "scripts.show_metric", *arguments]
    environment = {"PYTHONPATH": str(project.folder / "workflow")}
    return subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)


def test_a_metric_is_shown_for_every_run(project):
    done = show(project, "--metric", "nc1", "--layer", "features", "--split", "test")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [(line[2], line[3]) for line in lines] == [("2", f"{CELL}/seed-{seed}") for seed in (0, 1)]
    path = project.folder / "results/runs" / CELL / "seed-0/all/metrics.csv"
    (row,) = [row for row in path.read_text().splitlines() if row.startswith("2,test,features,eval,all,nc1,")]
    assert float(lines[0][0]) == pytest.approx(float(row.split(",")[6]), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "nc11"], "Did you mean nc1?"),
        (["--metric", "nc1"], "error: say which LAYER: "),
        (["--metric", "nc1", "--layer", "features"], "error: say which SPLIT: test, train"),
        (["--metric", "nc1", "--results", "nowhere"], "nowhere/runs holds no metrics yet"),
    ],
)
def test_a_metric_that_is_not_told_apart_is_asked_back(project, arguments, message):
    done = show(project, *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
