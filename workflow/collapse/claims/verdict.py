"""The verdict on a claim: one rule for every paper, in the order of the functions below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from collapse.claims.language import Condition, Interval

HOLDS, FAILS, UNDEFINED, INCONCLUSIVE = "holds", "fails", "undefined", "inconclusive"
NOT_RUN = "not run at this scale"
VERDICTS = (HOLDS, FAILS, UNDEFINED, INCONCLUSIVE, NOT_RUN)

SIDE = 0.95  # one-sided level of the interval of a mean: the interval holds 90 %
MEDIAN_SEEDS = 5  # fewer seeds have no median to speak of
DRAWS = 50
CENTRAL = 0.95
MOST_SEEDS = 1000  # the search for the number of seeds that would settle a claim ends here


@dataclass(frozen=True)
class Panel:
    """The values of a claimed quantity in one panel, one for each seed or draw; NaN where missing, with the reason."""

    at: str
    values: np.ndarray
    reasons: tuple[str, ...] = ()

    @property
    def present(self) -> np.ndarray:
        """The values that are not missing."""
        return self.values[~np.isnan(self.values)]

    @property
    def missing(self) -> bool:
        """Whether a value is missing."""
        return len(self.present) < len(self.values)

    @property
    def mean(self) -> float:
        """Mean of the values that are not missing; NaN if all are."""
        return float(self.present.mean()) if len(self.present) else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation (n - 1) of the values that are not missing; NaN for fewer than two."""
        return float(self.present.std(ddof=1)) if len(self.present) > 1 else math.nan

    def interval(self) -> tuple[float, float]:
        """Student's t interval of the mean, 95 % to each side."""
        reach = float(stats.t.ppf(SIDE, len(self.values) - 1)) * self.spread / math.sqrt(len(self.values))
        return self.mean - reach, self.mean + reach


@dataclass(frozen=True)
class Verdict:
    """A verdict, the panel that decided it, and the reason, which is empty only where a claim simply holds."""

    verdict: str
    panel: Panel
    reason: str = ""


def decide(condition: Condition, panels: Sequence[Panel], seeded: bool = True, median: bool = False) -> Verdict:
    """The verdict on a quantity with these panels, of which each has a value for every seed.

    fails: in some panel no seed agrees. undefined: otherwise, when a value is missing. holds: every seed agrees, and in
    every panel the 90 % t interval of the mean over the seeds lies within the condition. inconclusive: anything else.
    Without seeds (`seeded` false: theory) the one value decides. `median`: the median of at least five seeds decides.
    """
    if condition.drawn is not None:
        return decide_drawn(condition.drawn, panels)
    wanted = condition.interval()
    if median:
        return decide_median(wanted, panels)
    failing = [panel for panel in panels if len(panel.present) and not agreeing(panel, wanted)]
    if failing:
        worst = min(failing, key=lambda panel: wanted.room(panel.mean))
        return Verdict(FAILS, worst, "no seed agrees" if seeded else "the value is another")
    lacking = [panel for panel in panels if panel.missing]
    if lacking:
        return undefined(lacking)
    if not seeded:
        return Verdict(HOLDS, min(panels, key=lambda panel: wanted.room(panel.mean)))
    if any(len(panel.values) == 1 for panel in panels):
        return Verdict(INCONCLUSIVE, min(panels, key=lambda panel: wanted.room(panel.mean)), "one seed only")
    split = [panel for panel in panels if agreeing(panel, wanted) < len(panel.values)]
    if split:
        worst = min(split, key=lambda panel: (agreeing(panel, wanted), wanted.room(panel.mean)))
        return Verdict(INCONCLUSIVE, worst, f"{agreeing(worst, wanted)} of {len(worst.values)} seeds agree")
    return decide_spread(wanted, panels)


def agreeing(panel: Panel, wanted: Interval) -> int:
    """How many seeds of a panel satisfy the condition."""
    return sum(wanted.holds(value) for value in panel.values)


def undefined(lacking: Sequence[Panel]) -> Verdict:
    """The verdict "undefined", with the panel that lacks most values, and why they are missing."""
    worst = min(lacking, key=lambda panel: len(panel.present))
    reason = next((reason for reason in worst.reasons if reason), "a value is missing")
    count = len(worst.values) - len(worst.present)
    many = f"{count} of {len(worst.values)} values are missing: " if len(worst.values) > 1 else ""
    return Verdict(UNDEFINED, worst, f"{many}{reason}")


def decide_spread(wanted: Interval, panels: Sequence[Panel]) -> Verdict:
    """The verdict when all seeds agree in all panels: "holds" if the intervals of the means agree too."""

    def room(panel: Panel) -> float:
        return min(wanted.room(end) for end in panel.interval())

    worst = min(panels, key=room)
    outside = [panel for panel in panels if not all(map(wanted.holds, panel.interval()))]
    if not outside:
        return Verdict(HOLDS, worst)
    worst = min(outside, key=room)
    low, high = worst.interval()
    return Verdict(
        INCONCLUSIVE,
        worst,
        f"all {len(worst.values)} seeds agree, but the 90 % interval of their mean is {low:.3g} to {high:.3g}: "
        f"{enough_seeds(worst, wanted)} would settle it",
    )


def enough_seeds(panel: Panel, wanted: Interval) -> str:
    """About how many seeds of the panel's mean and spread would put the interval within the condition, in words."""
    room = wanted.room(panel.mean)
    for count in range(len(panel.values) + 1, MOST_SEEDS + 1):
        if stats.t.ppf(SIDE, count - 1) * panel.spread / math.sqrt(count) < room:
            return f"about {count} seeds"
    return f"not even {MOST_SEEDS} seeds"


def decide_median(wanted: Interval, panels: Sequence[Panel]) -> Verdict:
    """The verdict of the median over the seeds alone."""
    fewest = min(panels, key=lambda panel: len(panel.values))
    if len(fewest.values) < MEDIAN_SEEDS:
        few = f"a claim on the median needs {MEDIAN_SEEDS} seeds, {len(fewest.values)} ran"
        return Verdict(INCONCLUSIVE, fewest, few)
    lacking = [panel for panel in panels if panel.missing]
    if lacking:
        return undefined(lacking)
    worst = min(panels, key=lambda panel: wanted.room(float(np.median(panel.values))))
    verdict = HOLDS if wanted.holds(float(np.median(worst.values))) else FAILS
    return Verdict(verdict, worst, "decided by the median of the seeds alone")


def decide_drawn(published: float, panels: Sequence[Panel]) -> Verdict:
    """The verdict "holds" if a published value lies within the central 95 % of at least 50 draws of ours."""
    fewest = min(panels, key=lambda panel: len(panel.values))
    if len(fewest.values) < DRAWS:
        return Verdict(INCONCLUSIVE, fewest, f"{DRAWS} draws are needed, {len(fewest.values)} were made")
    lacking = [panel for panel in panels if panel.missing]
    if lacking:
        return undefined(lacking)

    def ends(panel: Panel) -> tuple[float, float]:
        low, high = np.quantile(panel.values, [(1 - CENTRAL) / 2, (1 + CENTRAL) / 2])
        return float(low), float(high)

    worst = min(panels, key=lambda panel: Interval(*ends(panel), closed=True).room(published))
    low, high = ends(worst)
    drawn = f"the central 95 % of {len(worst.values)} draws are {low:.3g} to {high:.3g}"
    return Verdict(HOLDS if low <= published <= high else FAILS, worst, drawn)
