"""A strip shows every value where it is, on the interval that is wanted."""

import re

import numpy as np

from collapse.atlas.strip import strip
from collapse.claims.language import Condition
from collapse.claims.verdict import Panel


def numbers(pattern, svg):
    return [float(found) for found in re.findall(pattern, svg)]


def drawn(values, condition, reasons=("", "", "")):
    return strip([Panel("ratio 7", np.array(values), tuple(reasons))], Condition(**condition).interval(), "ratio 7")


def test_a_dot_lies_within_the_shaded_interval_where_its_value_does():
    svg = drawn([0.1, 0.5, 0.9], {"between": (0.4, 0.6)})
    (left,), (width,) = numbers(r'class="wanted" x="([\d.]+)"', svg), numbers(r'y="0" width="([\d.]+)"', svg)
    dots = numbers(r'cx="([\d.]+)"', svg)
    assert [left <= dot <= left + width for dot in dots] == [False, True, False]
    assert dots == sorted(dots)


def test_an_open_interval_is_shaded_to_the_edge_and_infinity_stands_there_as_an_arrow():
    svg = drawn([2, np.inf, np.nan], {"above": 1}, ("", "", "rank lost"))
    assert svg.count("<circle") == 1
    assert "→" in svg
    (left,), (width,) = numbers(r'class="wanted" x="([\d.]+)"', svg), numbers(r'y="0" width="([\d.]+)"', svg)
    assert left + width == 392


def test_a_panel_without_values_says_why_and_its_name_is_escaped():
    panels = [Panel("a<b", np.array([np.nan] * 3), ("diverged",) * 3), Panel("c", np.array([1.0] * 3), ("",) * 3)]
    svg = strip(panels, Condition(above=0).interval(), "c")
    assert "diverged" in svg
    assert "a&lt;b" in svg
    assert svg.index(">c<") < svg.index("a&lt;b")  # the deciding panel comes first
