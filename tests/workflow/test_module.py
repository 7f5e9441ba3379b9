"""The workflow as a module of another one."""

import pytest

MODULE = """\
module atlas:
    snakefile: "{snakefile}"
    config: {{"paper": "one_cell", "seeds": [0]}}
    {prefix}

use rule * from atlas as atlas_*
"""


@pytest.mark.parametrize(("prefix", "results"), [("", "results"), ('prefix: "atlas"', "atlas/results")])
def test_a_figure_is_made_in_the_folder_of_the_workflow_that_uses_it(one_cell, tmp_path, prefix, results):
    one_cell.copy(tmp_path / "atlas of ours")
    other = type(one_cell)(tmp_path / "mine")
    other.folder.mkdir()
    snakefile = MODULE.format(snakefile=tmp_path / "atlas of ours/Snakefile", prefix=prefix)
    (other.folder / "Snakefile").write_text(snakefile)
    (other.folder / "config").mkdir()
    said = other.run("atlas_one_cell_fig1")
    assert (other.folder / results / "demo/figures/one_cell/fig1.png").exists(), said
    assert {path.name for path in other.folder.iterdir()} - {".snakemake"} == {
        "Snakefile",
        "config",
        results.split("/")[0],
    }
    assert "Nothing to be done" in other.run("atlas_one_cell_fig1")
