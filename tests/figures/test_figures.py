"""Every figure, drawn from planted tables of seeds: it keeps to the house style, and shows what its tables say."""

import inspect
import itertools
import re
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.text import Text

from collapse import plotting
from collapse.data.entries import DATASETS
from collapse.html_table import page
from collapse.models.entries import NETWORKS
from collapse.training.entries import OPTIMIZERS

SCRIPTS = Path(__file__).parents[2] / "workflow" / "figures"
SEEDS = (0, 1, 2)
RATIOS = [1, 10, 100, np.inf]


def of_seeds(rows, spread):
    """A table with a row for each seed: seed s adds s times its spread to each column of `spread`."""
    parts = [
        pd.DataFrame(rows).assign(seed=seed, status="ok", reason="", **{
            name: np.asarray(rows[name], float) + seed * step for name, step in spread.items()})
        for seed in SEEDS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def networks(**columns):
    """Rows of curves over `columns`' axis: four networks, three K_A."""
    nets = [("fashion_mnist", "vgg11"), ("cifar10", "vgg13"), ("fashion_mnist", "resnet18"), ("cifar10", "resnet18")]
    (axis, values), *others = columns.items()
    cells = list(itertools.product(nets, (3, 5, 7), range(len(values))))
    table = {"dataset": [c[0][0] for c in cells], "model": [c[0][1] for c in cells], "k_major": [c[1] for c in cells]}
    table[axis] = [values[c[2]] for c in cells]
    return table | {name: [given[c[2]] for c in cells] for name, given in others}


def law(*variants, deep=4, **common):
    """Tables of D and of its fit for each variant; the last one's runs diverged, where there are two."""
    axes = {"dataset": "digits", "model": "mlp", "layers": deep, "learning_rate": 3e-5, "activation": "relu"}
    axes |= {"batch_norm": True, "status": "ok", "reason": ""} | common
    table, fit = [], []
    for i, variant in enumerate(variants or [{}]):
        failed = i > 0 and i == len(variants) - 1
        for mode, seed in itertools.product(("eval", "train"), SEEDS):
            cell = axes | variant | {"bn_mode": mode, "seed": seed} | ({"status": "diverged"} if failed else {})
            table += [
                cell
                | {
                    "layer": layer,
                    "separation_fuzziness": None
                    if failed
                    else (9 + seed + 10 * (cell["learning_rate"] == 0.3)) / 3**layer,
                }
                for layer in range(cell["layers"])
            ]
            numbers = {"r": -0.9995, "rho": 1 / 3, "train_accuracy": 1, "test_accuracy": 0.9}
            fit.append(cell | dict.fromkeys(numbers, np.nan) if failed else cell | numbers)
    return pd.DataFrame(table), pd.DataFrame(fit)


def residual():
    kinds = [{"block": kind} for kind in ("basic", "bottleneck", "mixed", "basic")][:3]
    table, fit = law(*kinds, chosen_by="held_out_accuracy")
    table = table.assign(separation_fuzziness_principal=table.separation_fuzziness)
    endings = ("_inside", "_principal", "_inside_principal")
    return table, table, fit.assign(**{f"{name}{end}": fit[name] for name in ("r", "rho") for end in endings})


CHOICES = ({"chosen_by": "held_out_accuracy"}, {"chosen_by": "test_accuracy", "learning_rate": 0.3})
DEPTHS = [
    {"dataset": dataset, "layers": layers} | choice
    for dataset, deepest in (("mnist", 12), ("fashion_mnist", 12), ("cifar10", 14))
    for layers in range(3, deepest)
    for choice in CHOICES
]
COSINES = {"cos_minor": [-0.11, 0.02, 0.98, 1]}
TABLES = {
    "layer_peeled/fig2": (
        of_seeds(
            networks(ratio=RATIOS, **COSINES, cos_own=[-0.11, 0, 1, None], cos_balanced=[-0.11, 0, 0.2, 1],
                     weight_decay=[0.005] * 4), {"cos_minor": -0.01},
        ).query("dataset == 'cifar10' and model == 'vgg13' and k_major == 7").pipe(
            lambda one: pd.concat([one, one.assign(weight_decay=0.0005)])),
    ),
    "layer_peeled/fig3": (
        pd.DataFrame(
            {"k_major": [7] * 3 + [3] * 3, "k_minor": [3] * 3 + [7] * 3, "e_h": 5, "e_w": 1, "ratio": [1, 10, 100] * 2,
             "cos_minor": [-0.1, 1, None, -0.1, 0, 1], "status": ["ok", "collapsed", "vanished", "ok", "ok", "ok"]}
        ),
        pd.DataFrame({"k_major": [7, 3], "k_minor": [3, 7], "e_h": 5, "e_w": 1, "r0": [9.0, 80.0],
                      "r1": [50.0, np.inf]}),
    ),
    "layer_peeled/fig4": (of_seeds(networks(ratio=RATIOS, **COSINES), {"cos_minor": -0.01}),),
    "layer_peeled/fig5": (
        of_seeds(networks(ratio=RATIOS[:3], minority_test_accuracy=[0.7, 0.3, 0], n_minor=[2] * 3),
                 {"minority_test_accuracy": 0.1}),
    ),
    "layer_peeled/fig6": (
        of_seeds(networks(oversampling=[1, 10, 1000], cos_minor=[1, 0.5, -0.11], ratio=[1000] * 3),
                 {"cos_minor": -0.01}),
    ),
    "layer_peeled/table1": (
        of_seeds(networks(oversampling=[1, 10, 1000], minority_test_accuracy=[0, 0.5, 0.4],
                          overall_test_accuracy=[0.5, 0.7, 0.9], ratio=[1000] * 3), {"minority_test_accuracy": 0.1}),
    ),
    "layer_peeled/balanced": (
        of_seeds(networks(train_accuracy=[1.0], alignment_distance=[0.08], nc1=[0.03], **{
            f"{kind}_{of}": [0.02] for kind in ("equinorm", "equiangularity", "maximal_angle")
            for of in ("classifiers", "means")}), {"nc1": 0.001}).query("k_major == 7"),
    ),
    "equi_separation/fig1": law(*({"optimizer": name, "layers": layers} for name in ("sgd", "momentum", "adam")
                                  for layers in (4, 8, 20))),
    "equi_separation/linear": law({"initialisation": "he"}, {"initialisation": "default"}, batch_norm=False),
    "equi_separation/epochs": law(*({"epoch": epoch} for epoch in (0, 1, 10, 100, 300, 600)), deep=20),
    "equi_separation/emergence": law({"epoch": 0}, {"epoch": 10}, {"epoch": 600})[1:],
    "equi_separation/learning_rates": law(*({"learning_rate": rate} for rate in (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1))),
    "equi_separation/width": law({"width": 20}, {"width": 1000}, {"width": 2000}),
    "equi_separation/shape": law(*({"hidden": name} for name in ("narrow to wide", "wide to narrow", "mixed"))),
    "equi_separation/cnn": law(*({"model": model} for model in ("alexnet_tiled", "vgg13_tiled"))),
    "equi_separation/out_of_sample": law({"frozen": False}, {"frozen": True}, deep=20),
    "equi_separation/best_depth": law(*DEPTHS)[1:],
    "equi_separation/depth": law(*DEPTHS),
    "equi_separation/imbalance": law(*CHOICES, {"layers": 8, "chosen_by": "held_out_accuracy"}),
    "equi_separation/original": law(*({"dataset": dataset, "layers": layers} for dataset in ("fashion_mnist", "cifar10")
                                      for layers in (4, 8, 20)), chosen_by="held_out_accuracy"),
    "equi_separation/residual": residual(),
    "equi_separation/inputs": (
        pd.DataFrame({"dataset": ["mnist"] * 50 + ["cifar10"] * 50, "image_size": 10, "seed": [*range(50)] * 2,
                      "separation_fuzziness": [*np.linspace(18, 23, 50), *np.linspace(220, 340, 50)]}),
    ),
}  # fmt: skip
PUBLISHED = {
    "layer_peeled/fig2": {"column": "cos_minor", "where": {"ratio": np.inf}, "value": 1, "unverified": True},
    "layer_peeled/table1": {"column": "minority_test_accuracy", "where": {"k_major": 3, "oversampling": 1},
                            "value": 0.2, "unverified": True},
    "equi_separation/original": {"column": "rho", "where": {"layers": 8}, "value": 0.5, "unverified": False},
    "equi_separation/inputs": {"column": "separation_fuzziness", "where": {"dataset": "mnist"}, "value": 21,
                               "unverified": False},
}  # fmt: skip
NAMES = [str(path.relative_to(SCRIPTS).with_suffix("")) for path in SCRIPTS.rglob("*.py")]


def script(name):
    """A figure's draw, given its published values if it takes them."""
    draw = runpy.run_path(str(SCRIPTS / f"{name}.py"))["draw"]
    if "published" not in inspect.signature(draw).parameters:
        return draw
    return partial(draw, published=[PUBLISHED[name]])


def drawn(draw, *tables):
    """A figure in the house style, laid out."""
    with plotting.house_style():
        figure = draw(*tables)
        figure.draw_without_rendering()
        plt.close(figure)
    return figure


@pytest.fixture(scope="module", params=NAMES)
def figure(request):
    figure = drawn(script(request.param), *TABLES[request.param])
    figure.set_label(request.param)
    return figure


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def shown_texts(figure):
    """Texts that are printed: ticks beyond the limits of their axis are not."""
    beyond = {
        label
        for axes in figure.axes
        for side, axis in enumerate((axes.xaxis, axes.yaxis))
        for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels())
        if not _within(_middle(label)[side], (axes.bbox.intervalx, axes.bbox.intervaly)[side])
    }
    return [text for text in texts(figure) if text not in beyond]


def _middle(label):
    box = label.get_window_extent()
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _within(place, interval, margin=1):
    return interval[0] - margin <= place <= interval[1] + margin


def data_lines(figure):
    return [line for axes in figure.axes for line in axes.get_lines() if line.get_transform() == axes.transData]


def test_a_figure_is_one_or_two_columns_wide_and_at_most_a_page_high(figure):
    width, height = figure.get_size_inches()
    assert width in (3.4, 7.0)
    assert height <= 9


def test_all_text_is_of_7_to_9_points(figure):
    assert {text.get_fontsize() for text in texts(figure)} <= {7, 8, 9}


def test_all_text_is_on_the_page_and_none_covers_another(figure):
    shown = [(text, text.get_window_extent()) for text in shown_texts(figure)]
    for text, box in shown:
        for place in (box.x0, box.x1):
            assert _within(place, figure.bbox.intervalx), text
        for place in (box.y0, box.y1):
            assert _within(place, figure.bbox.intervaly), text
    for (one, here), (other, there) in itertools.combinations(shown, 2):
        apart = [here.x0 - there.x1, there.x0 - here.x1, here.y0 - there.y1, there.y0 - here.y1]
        assert max(apart) > -2, (one, other)


def test_a_legend_explains_the_marks_and_covers_no_panel(figure):
    (legend,) = figure.legends
    assert not any(legend.get_window_extent().overlaps(axes.bbox) for axes in figure.axes)
    assert not any(axes.get_legend() for axes in figure.axes)
    theory = figure.get_label() == "layer_peeled/fig3"
    assert theory or any(re.search(r"\$n\$ = \d", text.get_text()) for text in texts(figure))


def test_no_marker_is_cut_at_the_limits_of_its_axes(figure):
    for line in data_lines(figure):
        if line.get_marker() in ("None", "", None, "|"):
            continue
        places = line.axes.transData.transform(np.column_stack(line.get_data()).astype(float))
        box, half = line.axes.bbox, line.get_markersize() / 2 * figure.dpi / 72
        for x, y in places[np.isfinite(places).all(axis=1)]:
            assert _within(x, box.intervalx, -half), line
            assert _within(y, box.intervaly, -half), line


def test_no_point_of_a_series_is_hidden_behind_one_of_another(figure):
    """Filled marks of two looks are never at the same place."""
    for axes in figure.axes:
        filled = [
            (line, axes.transData.transform(np.column_stack(line.get_data()).astype(float)))
            for line in axes.get_lines()
            if line.get_linestyle() == "None" and line.get_markerfacecolor() != "none" and line.get_clip_on()
        ]
        for (one, here), (other, there) in itertools.combinations(filled, 2):
            if one.get_color() != other.get_color():
                distance = np.abs(here[:, None] - there[None]).max(axis=2)
                assert not (distance < 1).any(), (one, other)


def test_no_text_has_a_hyphen_for_a_minus_or_a_name_of_the_code(figure):
    raw = {*DATASETS, *NETWORKS, *OPTIMIZERS, "train_accuracy", "separation_fuzziness"} - {"digits"}
    for text in texts(figure):
        plain = re.sub(r"\$[^$]*\$", "", text.get_text())  # mathematics sets its own minus
        assert not re.search(r"(?<![\w])-\d|e-\d", plain), plain
        assert not raw & set(re.findall(r"\w+", plain)), plain


def test_series_differ_in_marker_and_line_not_in_colour_alone():
    looks = [plotting.look(i) for i in range(20)]
    assert len({(look.marker, str(look.line)) for look in looks}) == 20


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


def test_a_page_escapes_its_cells_and_rounds_its_numbers(tmp_path):
    table = tmp_path / "t.csv"
    pd.DataFrame({"verdict": ["holds"], "x": [0.123456], "note": ["<script>"]}).to_csv(table, index=False)
    html = page(table, "A & B")
    assert '<td class="holds">holds</td>' in html
    assert "0.1235" in html
    assert "<script>" not in html
    assert "A &amp; B" in html
