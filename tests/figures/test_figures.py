import runpy
from pathlib import Path

import pandas as pd
import pytest

from collapse import plotting
from collapse.html_table import page

SCRIPTS = Path(__file__).parents[2] / "workflow" / "figures"


def measured(**columns):
    rows = {"dataset": "digits", "model": "mlp", "k_major": [3, 3, 7, 7], "oversampling": 1, "ratio": 70.0}
    return pd.DataFrame(
        rows | columns | {"cos_minor_mean": [-0.1, 1, 0, 1], "cos_minor_std": [0.1, 0, None, 0], "cos_minor_n": 3}
    )


def law(*variants, **common):
    """Tables of D and of its fit for each variant; the last one's runs diverged, where there are two."""
    axes = {"dataset": "digits", "model": "mlp", "layers": 4, "learning_rate": 0.1, "activation": "relu"}
    axes |= {"batch_norm": True} | common
    table, fit = [], []
    for i, variant in enumerate(variants or [{}]):
        failed = i > 0
        for mode in ("eval", "train"):
            cell = axes | variant | {"bn_mode": mode, "separation_fuzziness_n": 0 if failed else 3}
            cell |= {"runs": "3 diverged" if failed else "2 ok, 1 untrained"}
            table += [
                cell | {"layer": layer, "separation_fuzziness_mean": 9 / 3**layer, "separation_fuzziness_std": 0.1}
                for layer in ([] if failed else range(3))
            ] or [cell]
            fit.append(cell | ({} if failed else {"r": -1, "rho": 1 / 3, "train_accuracy": 1, "test_accuracy": 0.9}))
    return pd.DataFrame(table), pd.DataFrame(fit)


TABLES = {
    "layer_peeled/fig2": (
        measured(weight_decay=[0.005, 0.005, 0.01, 0.01], k_major=7, ratio=[1, float("inf")] * 2,
                 **{f"cos_{name}_mean": [-0.1, None] * 2 for name in ("own", "balanced")},
                 **{f"cos_{name}_std": [0.1, None] * 2 for name in ("own", "balanced")}),
    ),
    "layer_peeled/fig5": (
        measured(n_minor=2, minority_test_accuracy_mean=[0.7, 0.1] * 2, minority_test_accuracy_std=0.1,
                 minority_test_accuracy_n=3),
    ),
    "layer_peeled/table1": (
        measured(**{f"{name}_test_accuracy_{how}": [0.3, 0.5] * 2
                    for name in ("minority", "overall") for how in ("mean", "std", "n")}),
    ),
    "layer_peeled/balanced": tuple(
        pd.DataFrame({"dataset": ["digits"], "model": "mlp"} | {
            f"{name}_{how}": 0.01 for how in ("mean", "std", "n") for name in (
                "train_accuracy", "alignment_distance", "nc1",
                *(f"{kind}_{of}" for kind in ("equinorm", "equiangularity", "maximal_angle")
                  for of in ("classifiers", "means")))} | {"moment": moments})
        for moments in (["last"], ["zero_error"])
    ),
    "equi_separation/fig1": law(optimizer="sgd"),
    "equi_separation/linear": law({"initialisation": "he"}, {"initialisation": "default"}, batch_norm=False),
    "equi_separation/epochs": law({"epoch": 0}, {"epoch": 600}),
    "equi_separation/emergence": (
        law({"epoch": 0}, {"epoch": 600})[1],
        pd.DataFrame({"moment": ["initial", "zero_error", "tpt", "last"], "epoch_mean": [0, 9.5, None, 600]}),
    ),
    "equi_separation/learning_rates": law(),
    "equi_separation/width": law(width=20),
    "equi_separation/shape": law(hidden="narrow to wide"),
    "equi_separation/cnn": law(),
    "equi_separation/out_of_sample": law({"frozen": True}, {"frozen": False}),
    "equi_separation/best_depth": law({"layers": 3}, {"layers": 9}, chosen_by="held_out_accuracy")[1:],
    **{f"equi_separation/{name}": law({"chosen_by": "held_out_accuracy"},
                                      {"chosen_by": "test_accuracy", "learning_rate": 0.3})
       for name in ("depth", "imbalance", "original")},
    "equi_separation/residual": (
        *[law(block="basic", chosen_by="held_out_accuracy")[0].assign(
            separation_fuzziness_principal_mean=3, separation_fuzziness_principal_std=0) for _ in range(2)],
        law(block="basic", chosen_by="held_out_accuracy")[1].assign(
            **{f"{name}{ending}": -0.9 + (name == "rho") for name in ("r", "rho")
               for ending in ("_inside", "_principal", "_inside_principal")}),
    ),
    "equi_separation/inputs": (
        pd.DataFrame({"dataset": ["mnist"], "image_size": 10, "separation_fuzziness_mean": 20,
                      "separation_fuzziness_low": 18, "separation_fuzziness_high": 23, "separation_fuzziness_n": 50}),
    ),
    "layer_peeled/fig3": (
        pd.DataFrame(
            {"k_major": 7, "k_minor": 3, "e_h": 5, "e_w": 1, "ratio": [1, 10, 100], "cos_minor": [-0.1, 1, None],
             "status": ["ok", "collapsed", "vanished"]}
        ),
        pd.DataFrame({"k_major": [7], "k_minor": [3], "e_h": [5], "e_w": [1], "r0": [9.0], "r1": [50.0]}),
    ),
    "layer_peeled/fig4": (measured(ratio=[1, float("inf")] * 2),),
    "layer_peeled/fig6": (measured(oversampling=[1, 70] * 2),),
}  # fmt: skip


@pytest.mark.parametrize("name", [str(path.relative_to(SCRIPTS).with_suffix("")) for path in SCRIPTS.rglob("*.py")])
def test_every_figure_draws_its_tables_and_the_same_table_gives_the_same_image(name, tmp_path):
    draw = runpy.run_path(str(SCRIPTS / f"{name}.py"))["draw"]
    tables = []
    for i, table in enumerate(TABLES[name]):
        tables.append(tmp_path / f"{i}.csv")
        table.to_csv(tables[-1], index=False)
    pdf, png, again = (tmp_path / name for name in ("figure.pdf", "figure.png", "again.png"))
    plotting.render(draw, tables, [png, pdf])
    plotting.render(draw, tables, [again])
    assert pdf.stat().st_size > 5_000
    assert png.stat().st_size > 10_000
    assert png.read_bytes() == again.read_bytes()


def test_the_same_figure_gives_the_same_pdf(tmp_path):
    """Three times as long as an image, and no script's own doing: once for all figures."""
    table = tmp_path / "table.csv"
    TABLES["layer_peeled/fig6"][0].to_csv(table, index=False)
    draw = runpy.run_path(str(SCRIPTS / "layer_peeled/fig6.py"))["draw"]
    files = [tmp_path / name for name in ("figure.pdf", "again.pdf")]
    for file in files:
        plotting.render(draw, [table], [file])
    assert files[0].read_bytes() == files[1].read_bytes()


def test_fig4_shows_the_means_and_the_simplex(tmp_path):
    figure = runpy.run_path(str(SCRIPTS / "layer_peeled/fig4.py"))["draw"](TABLES["layer_peeled/fig4"][0])
    axes = figure.axes[0]
    curves = [list(container.lines[0].get_ydata()) for container in axes.containers]
    assert curves == [[-0.1, 1], [0, 1]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", r"$\infty$"]
    assert any(line.get_ydata()[0] == pytest.approx(-1 / 9) for line in axes.get_lines())


def test_a_page_escapes_its_cells_and_rounds_its_numbers(tmp_path):
    table = tmp_path / "t.csv"
    pd.DataFrame({"verdict": ["holds"], "x": [0.123456], "note": ["<script>"]}).to_csv(table, index=False)
    html = page(table, "A & B")
    assert '<td class="holds">holds</td>' in html
    assert "0.1235" in html
    assert "<script>" not in html
    assert "A &amp; B" in html
