"""Every figure, drawn from planted tables, keeps to the house style."""

import itertools
import re

import numpy as np
import pytest
from matplotlib.text import Text
from tests.figures.planted import NAMES, TABLES, data_lines, drawn, script

from collapse import plotting
from collapse.data.entries import DATASETS
from collapse.models.entries import NETWORKS
from collapse.training.entries import OPTIMIZERS


@pytest.fixture(scope="module", params=NAMES)
def figure(request):
    figure = drawn(script(request.param), *TABLES[request.param])
    figure.set_label(request.param)
    return figure


THEORY = {
    "layer_peeled/fig3",
    "memorization_dilation/fig3",
    "memorization_dilation/positive_model",
    "zhu/parameters",
}  # of no runs


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
    assert figure.get_label() in THEORY or any(re.search(r"\$n\$ = \d", text.get_text()) for text in texts(figure))


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
