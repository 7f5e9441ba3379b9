"""A strip draws a claim's values: a dot for each seed, a line for each panel, and the interval that the claim wants."""

import math
from collections.abc import Callable, Sequence
from html import escape

from collapse.claims.language import Interval
from collapse.claims.verdict import Panel

WIDTH, LINE, LEFT, RIGHT, AXIS = 400, 18, 8, 8, 22  # pixels; at this width a telephone shows the text at its size
LINES = 12  # panels drawn; a claim on more says how many are left out


def strip(panels: Sequence[Panel], wanted: Interval, deciding: str) -> str:
    """An SVG of the values of a claimed quantity. `deciding`: the panel that decides, drawn first.

    Infinite values stand at the edge, as arrows; a panel without values says why.
    """
    ordered = sorted(panels, key=lambda panel: panel.at != deciding)[:LINES]
    finite = [float(value) for panel in ordered for value in panel.values if math.isfinite(value)]
    ends = [end for end in (wanted.low, wanted.high) if math.isfinite(end)]
    low, high = _frame([*finite, *ends])

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    named = len(panels) > 1
    step = LINE * (2 if named else 1)
    height = step * len(ordered) + AXIS
    left, right = x(wanted.low), x(wanted.high)
    parts = [
        f'<rect class="wanted" x="{left:.1f}" y="0" width="{max(right - left, 1.5):.1f}" height="{height - AXIS}"/>',
        *(_line(panel, i * step, x, named) for i, panel in enumerate(ordered)),
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height - AXIS}" y2="{height - AXIS}"/>',
        *(
            f'<text class="tick" x="{x(value):.1f}" y="{height - 6}" text-anchor="{anchor}">{value:.3g}</text>'
            for value, anchor in ((low, "start"), ((low + high) / 2, "middle"), (high, "end"))
        ),
    ]
    said = f"{sum(len(panel.present) for panel in panels)} values in {len(panels)} panels; wanted: the shaded interval"
    more = f"<p>{len(panels) - LINES} more panels are not drawn here.</p>" if len(panels) > LINES else ""
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">{"".join(parts)}</svg>{more}'
    )


def _frame(values: Sequence[float]) -> tuple[float, float]:
    """What the strip's axis spans: the values and a tenth beside them."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _line(panel: Panel, top: float, x: Callable[[float], float], named: bool) -> str:
    """A panel's dots, and above them its name where there are several panels."""
    name = escape(panel.at)
    label = f'<text class="panel" x="{LEFT}" y="{top + 13}">{name}<title>{name}</title></text>' if named else ""
    y = top + LINE * (1.5 if named else 0.5)
    dots = []
    for value in panel.values:
        if math.isnan(value):
            continue
        title = f"<title>{value:.4g}</title>"
        if math.isinf(value):
            dots.append(f'<text class="dot" x="{x(value):.1f}" y="{y + 4}">{"→" if value > 0 else "←"}{title}</text>')
        else:
            dots.append(f'<circle class="dot" cx="{x(value):.1f}" cy="{y}" r="4">{title}</circle>')
    if not dots:
        reasons = "; ".join(dict.fromkeys(filter(None, panel.reasons))) or "no value"
        dots = [f'<text class="panel" x="{LEFT + 12}" y="{y + 4}">{escape(reasons[:100])}</text>']
    return label + "".join(dots)
