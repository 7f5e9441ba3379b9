"""Figures show what their planted tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from tests.figures.planted import NAMES, SEEDS, TABLES, data_lines, drawn, script

from collapse import plotting


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_saved_and_the_same_table_gives_the_same_image(name, tmp_path):
    tables = []
    for i, table in enumerate(TABLES[name]):
        tables.append(tmp_path / f"{i}.csv")
        table.to_csv(tables[-1], index=False)
    files = [tmp_path / name for name in ("figure.png", "again.png")]
    for file in files:
        plotting.render(script(name), tables, [file])
    assert files[0].stat().st_size > 10_000
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_same_figure_gives_the_same_pdf_with_its_fonts(tmp_path):
    """Three times as long as an image, and no script's own doing: once for all figures."""
    table = tmp_path / "table.csv"
    TABLES["layer_peeled/fig6"][0].to_csv(table, index=False)
    files = [tmp_path / name for name in ("figure.pdf", "again.pdf")]
    for file in files:
        plotting.render(script("layer_peeled/fig6"), [table], [file])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert b"/FontFile2" in files[0].read_bytes()
    assert b"/Type3" not in files[0].read_bytes()


def test_fig4_shows_every_seed_the_means_and_infinity_apart():
    figure = drawn(script("layer_peeled/fig4"), TABLES["layer_peeled/fig4"][0])
    axes = figure.axes[0]
    lines = [line for line in axes.get_lines() if line.get_transform() == axes.transData]
    means = [line.get_ydata() for line in lines if line.get_linestyle() != "None"]
    assert len(means) == 3
    for mean in means:  # over the finite ratios alone: no line leads to infinity
        np.testing.assert_allclose(mean, [-0.12, 0.01, 0.97])
    points = [line for line in lines if line.get_marker() in "os^" and line.get_linestyle() == "None"]
    assert [len(line.get_ydata()) for line in points] == [4 * 3] * 3
    ticks = [tick.get_text() for tick in figure.axes[2].get_xticklabels()]
    assert (ticks[0], ticks[-2], ticks[-1]) == ("1", "100", r"$\infty$")
    assert any(line.get_label() == "_break" for line in axes.get_lines())


def levels(draw, table):
    figure, axes = plt.subplots()
    handles = draw(axes, table)
    plt.close(figure)
    return [float(line.get_ydata()[0]) for line in handles]


def test_reference_lines_take_k_from_the_table_then_from_the_dataset_and_else_are_not_drawn():
    hundred = pd.DataFrame({"dataset": ["mine"], "num_classes": [100]})
    assert levels(plotting.simplex_line, hundred) == [-1 / 99]
    assert levels(plotting.chance_line, hundred) == [1 / 100]
    assert levels(plotting.simplex_line, pd.DataFrame({"dataset": ["cifar10"]})) == [-1 / 9]
    assert levels(plotting.chance_line, pd.DataFrame({"dataset": ["cifar10"]})) == [1 / 10]
    for unknown in ({"dataset": ["mine"]}, {"dataset": ["cifar10", "mine"]}, {"model": ["mlp"]}):
        assert levels(plotting.simplex_line, pd.DataFrame(unknown)) == []
        assert levels(plotting.chance_line, pd.DataFrame(unknown)) == []


def test_published_values_are_drawn_where_they_belong_and_say_what_they_are():
    figure = drawn(script("layer_peeled/fig2"), *TABLES["layer_peeled/fig2"])
    large = [line for line in data_lines(figure) if line.get_markersize() == 8]
    assert [list(line.get_ydata()) for line in large] == [[1], [1]]
    assert all(line.get_xdata() > 100 for line in large)
    assert "large and hollow: published (unverified)" in [text.get_text() for text in figure.legends[0].get_texts()]
    bare = drawn(script("layer_peeled/fig2").func, *TABLES["layer_peeled/fig2"])
    assert not any("published" in text.get_text() for text in bare.legends[0].get_texts())


def test_the_published_decay_is_a_line_of_that_slope_through_the_middle():
    figure = drawn(script("equi_separation/original"), *TABLES["equi_separation/original"])
    dotted = [line for line in data_lines(figure) if str(line.get_label()) == r"published $\rho$"]
    (x, y) = dotted[0].get_data()
    assert (y[-1] / y[0]) ** (1 / (x[-1] - x[0])) == pytest.approx(0.5)


def test_best_depth_marks_the_depth_of_the_best_mean():
    (fit,) = TABLES["equi_separation/best_depth"]
    best = fit.assign(test_accuracy=np.where((fit.dataset == "mnist") & (fit.layers == 5), 0.95, 0.9))
    axes = drawn(script("equi_separation/best_depth"), best).axes[0]
    rings = [line.get_data() for line in axes.get_lines() if line.get_markersize() == 9]
    assert ([5], [0.95]) in [(list(x), [round(v, 9) for v in y]) for x, y in rings]


def test_a_panel_whose_runs_failed_says_so():
    figure = drawn(script("equi_separation/linear"), *TABLES["equi_separation/linear"])
    assert "$n$ = 0" in figure.axes[1].get_title("left")
    assert "no run ended\n(3 of 3 diverged)" in figure.axes[1].get_title("left")


def over_training():
    rows = [
        {"epoch": epoch, "seed": seed, "nc1": (seed + 1) / (epoch + 1), "accuracy": min(1, epoch / 100)}
        for seed in SEEDS
        for epoch in (0, 1, 10, 100, 350)
    ]
    return pd.DataFrame(rows)


def test_quantities_over_epochs_show_every_seed_their_median_and_the_moments():
    moments = {"zero training error": [100, 120, np.nan], "start of the terminal phase": [200, 200, 200]}
    measures = {"nc1": "NC1", "accuracy": "train accuracy"}
    figure, handles = plotting.epoch_panels(over_training(), measures, moments, logarithmic=["nc1"])
    axes = figure.axes[0]
    curves = [line for line in axes.get_lines() if len(line.get_xdata()) == 5]
    assert [line.get_linewidth() for line in curves] == [0.4, 0.4, 0.4, 1.5]
    np.testing.assert_allclose(curves[-1].get_ydata(), 2 / (curves[-1].get_xdata() + 1))
    assert [line.get_xdata()[0] for line in axes.get_lines() if len(line.get_xdata()) == 2] == [110, 200]
    assert [handle.get_label() for handle in handles] == ["one seed", "median of the seeds", *moments]
    assert (axes.get_yscale(), figure.axes[1].get_yscale()) == ("log", "linear")
    plt.close(figure)


def test_measured_points_stand_on_their_theory_curve():
    x = np.linspace(0, 1, 5)
    theory = pd.DataFrame({"x": [*x, *x], "y": [*x, *x**2], "k": [1] * 5 + [2] * 5})
    figure, axes = plt.subplots()
    handles = plotting.theory_curves(axes, theory, theory[theory.x == 0.5], "x", "y", "k", lambda k: f"k = {k}")
    curves = [line for line in axes.get_lines() if line.get_linestyle() != "None"]
    points = [line for line in axes.get_lines() if line.get_linestyle() == "None"]
    assert [line.get_color() for line in curves] == [line.get_color() for line in points]
    for curve, point in zip(curves, points, strict=True):
        assert point.get_ydata()[0] == np.interp(0.5, *curve.get_data())
    assert [handle.get_label() for handle in handles] == ["k = 1", "k = 2", "theory", "measured, a point a seed"]
    assert all(isinstance(handle, Line2D) for handle in handles)
    plt.close(figure)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.5, "\N{MINUS SIGN}0.5"),
        (1000, "1000"),
        (3e-5, r"$3 \times 10^{-5}$"),
        (1e-4, "$10^{-4}$"),
        (np.inf, r"$\infty$"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert plotting.number(value) == text
