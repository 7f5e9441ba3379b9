"""Claims: what each kind of them says of planted tables, and the rule by which they are decided."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from collapse.claims.check import check
from collapse.claims.language import Claim, Condition
from collapse.strict import ConfigError

KEYS = ["k_major", "ratio"]
SEEDS = (0, 1, 2)


def claim(condition, **how):
    base = {"statement": "s", "figure": "f", "table": "t", "column": "cos", "condition": condition}
    return Claim.model_validate(base | {"published": {"value": "v", "source": "s"}} | how)


def table(curves, seeds=SEEDS, step=0.01):
    """Curves k_major -> values at ratios 1, 2, 4, ...; seed s adds s times `step` to every value."""
    return pd.DataFrame(
        [
            {"k_major": k, "ratio": 2.0**i, "seed": seed, "cos": value + seed * step}
            for k, values in curves.items()
            for i, value in enumerate(values)
            for seed in seeds
        ]
    )


RISING = table({3: [0.0, 0.1, 0.5], 5: [0.0, 0.2, 0.9]})


def row(condition, data=RISING, keys=KEYS, **how):
    return check("c", claim(condition, **how), data, keys, "demo")


def verdict(*arguments, **how):
    return row(*arguments, **how)["verdict"]


def with_value(k_major, ratio, seed, value, data=RISING, **more):
    changed = data.copy()
    here = (changed.k_major == k_major) & (changed.ratio == ratio) & (changed.seed == seed)
    changed.loc[here, ["cos", *more]] = [value, *more.values()]
    return changed


# The rule.


def test_a_claim_holds_when_every_seed_agrees_and_the_interval_of_every_mean_does():
    found = row({"above": 0.8}, where={"k_major": 5, "ratio": "max"})
    assert (found["verdict"], found["n"], found["reason"]) == ("holds", 3, "")
    assert found["ours"] == pytest.approx(0.91)
    assert found["spread"] == pytest.approx(0.01)


@pytest.mark.parametrize("bound", [0.893, 0.894])
def test_the_interval_is_students_90_percent(bound):
    """Mean 0.91, standard deviation 0.01, three seeds: 0.91 - 2.92 * 0.01 / sqrt 3 = 0.8931."""
    low = 0.91 - stats.t.ppf(0.95, 2) * 0.01 / np.sqrt(3)
    found = row({"above": bound}, where={"k_major": 5, "ratio": 4})
    assert found["verdict"] == ("holds" if bound < low else "inconclusive")


def test_where_the_spread_decides_it_is_said_how_many_seeds_would_settle_it():
    found = row({"above": 0.895}, where={"k_major": 5, "ratio": 4})
    assert "all 3 seeds agree, but the 90 % interval of their mean is 0.893 to 0.927" in found["reason"]
    assert "about 4 seeds would settle it" in found["reason"]
    assert stats.t.ppf(0.95, 3) * 0.01 / np.sqrt(4) < 0.015 < stats.t.ppf(0.95, 2) * 0.01 / np.sqrt(3)


def test_a_condition_has_two_sides_of_which_the_interval_may_leave_either():
    assert verdict({"near": 0.91, "tolerance": 0.02}, where={"k_major": 5, "ratio": 4}) == "holds"
    assert verdict({"near": 0.903, "tolerance": 0.02}, where={"k_major": 5, "ratio": 4}) == "inconclusive"


def test_a_claim_fails_where_in_some_panel_no_seed_agrees_also_if_another_has_no_value():
    assert verdict({"above": 0.6}, where={"ratio": 4}) == "fails"
    broken = with_value(5, 4, 0, np.nan)
    found = row({"above": 0.6}, broken, where={"ratio": 4})
    assert (found["verdict"], found["at"], found["n"]) == ("fails", "k_major 3", 3)
    assert found["ours"] == pytest.approx(0.51)


def test_seeds_that_differ_are_inconclusive_and_counted():
    found = row({"above": 0.505}, where={"k_major": 3, "ratio": 4})
    assert (found["verdict"], found["reason"]) == ("inconclusive", "2 of 3 seeds agree")


def test_one_seed_is_never_enough_to_hold_but_enough_to_fail():
    alone = table({3: [0.0, 0.5]}, seeds=[0])
    found = row({"above": 0}, alone, across="ratio", reduce="change")
    assert (found["verdict"], found["reason"]) == ("inconclusive", "one seed only")
    assert verdict({"above": 0.6}, alone, across="ratio", reduce="change") == "fails"


def test_theory_needs_no_seeds():
    theory = table({3: [0.0, 0.5]}, seeds=[0]).drop(columns="seed")
    found = row({"above": 0}, theory, across="ratio", reduce="change")
    assert (found["verdict"], found["n"], found["spread"]) == ("holds", 1, "")
    assert verdict({"above": 0.6}, theory, across="ratio", reduce="change") == "fails"
    assert verdict({"above": 0}, theory.assign(cos=np.nan), across="ratio", reduce="change") == "undefined"


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("diverged", "diverged in epoch 7: loss not finite", "1 of 3 values are missing: diverged in epoch 7"),
        ("ok", "other: no; cos: rank lost", "1 of 3 values are missing: rank lost"),
    ],
)
def test_a_missing_value_is_undefined_with_its_reason_and_never_holds(status, reason, said):
    data = with_value(5, 4, 1, np.nan, RISING.assign(status="ok", reason=""), status=status, reason=reason)
    for how in ({"where": {"ratio": 4}}, {"across": "ratio", "reduce": "change"}, {"mean_over": ["ratio"]}):
        found = row({"above": -9}, data, **how)
        assert found["verdict"] == "undefined"
        assert found["reason"].startswith(said)
        assert (found["at"], found["n"]) == ("k_major 5", 2)


def test_no_run_at_all_is_no_support():
    """Before, a claim held with n = 0 because its three runs had failed."""
    assert verdict({"between": [-0.7, 0.7]}, RISING.assign(cos=np.nan)) == "undefined"


def test_an_untrained_run_counts_and_is_named():
    data = RISING.assign(status="untrained", reason="majority accuracy stays at chance: 0.100; other: x")
    found = row({"above": 0.8}, data, where={"k_major": 5, "ratio": 4})
    assert found["verdict"] == "holds"
    assert found["reason"] == (
        "3 of 3 values are of runs that did not train (majority accuracy stays at chance: 0.100)"
    )


def test_a_seed_that_a_panel_lacks_is_a_missing_value():
    lacking = RISING[~((RISING.k_major == 3) & (RISING.seed == 2))]
    found = row({"above": -1}, lacking, where={"ratio": 4})
    assert (found["verdict"], found["reason"]) == ("undefined", "1 of 3 values are missing: no row of seed 2")


def test_the_median_of_five_seeds_decides_alone():
    """Two of five seeds are far out: each seed's vote would be inconclusive."""
    data = table({3: [0.0]}, seeds=range(5), step=1)
    found = row({"above": 1.5}, data, seeds="median")
    assert (found["verdict"], found["ours"]) == ("holds", 2)
    assert "decided by the median" in found["reason"]
    assert verdict({"above": 1.5}, data) == "inconclusive"
    assert verdict({"above": 2.5}, data, seeds="median") == "fails"
    few = row({"above": -1}, table({3: [0.0]}, seeds=range(4)), seeds="median")
    assert (few["verdict"], few["reason"]) == ("inconclusive", "a claim on the median needs 5 seeds, 4 ran")


def test_a_published_value_is_one_of_our_draws_or_not():
    draws = pd.DataFrame({"k_major": 3, "ratio": 1.0, "seed": range(200), "cos": np.arange(200.0)})
    low, high = np.quantile(draws.cos, [0.025, 0.975])
    for value, expected in ((low + 0.1, "holds"), (high - 0.1, "holds"), (low - 0.1, "fails"), (high + 0.1, "fails")):
        assert verdict({"drawn": value}, draws) == expected
    found = row({"drawn": 100}, draws)
    assert found["n"] == 200
    assert "central 95 % of 200 draws are 4.98 to 194" in found["reason"]
    few = row({"drawn": 20}, draws[draws.seed < 49])
    assert (few["verdict"], few["reason"]) == ("inconclusive", "50 draws are needed, 49 were made")


@pytest.mark.parametrize(
    ("data", "how", "reason"),
    [
        (None, {}, "table t has no grid here"),
        (RISING, {"where": {"ratio": 64}}, "its grid has no ratio 64, only 1.0, 2.0, 4.0"),
        (RISING, {"scales": ["small", "paper"]}, "it is meant for scale small and paper"),
        (RISING[RISING.k_major == 3], {"across": "k_major", "reduce": "change"}, "its grid has a single k_major, 3"),
        (RISING, {"compare": {"k_major": [3, 7]}}, "its grid has no k_major 7"),
    ],
)
def test_what_was_not_run_says_what_its_grid_lacks(data, how, reason):
    found = row({"above": 0}, data, **how)
    assert (found["verdict"], found["reason"], found["ours"]) == ("not run at this scale", reason, "")


def test_every_verdict_but_a_plain_holds_has_its_reason():
    tables = (RISING, None, RISING.assign(cos=np.nan), RISING[RISING.seed == 0])
    for data, bound in itertools.product(tables, (0.8, 0.505, -1, 9)):
        found = row({"above": bound}, data, where={"k_major": 5, "ratio": 4})
        assert bool(found["reason"]) == (found["verdict"] != "holds")


# The quantities: each kind with a table that satisfies it, one that does the opposite, one that does nothing.

NOTHING = [0.3, 0.3, 0.3, 0.3, 0.3]
UP, DOWN = [-0.11, 0.02, 0.3, 0.98, 0.99], [-0.110, -0.13, -0.15, -0.17, -0.186]


@pytest.mark.parametrize(
    ("how", "condition", "good", "bad"),
    [
        ({"reduce": "trend"}, {"above": 0.5}, UP, DOWN),
        ({"reduce": "trend"}, {"below": -0.5}, [0.611, 0.257, 0.248, 0.1, 0.0], [0.50, 0.90, 0.95, 0.97, 0.499]),
        ({"reduce": "change"}, {"at_most": -0.97}, [0.5, 0.1, -0.9, -0.98, -0.98], [-0.98, -0.97, -0.97, -0.97, -0.97]),
        ({"reduce": "gain"}, {"above": 0.01}, [0.2, 0.5, 0.4, 0.3, 0.2], [0.5, 0.4, 0.3, 0.2, 0.1]),
        ({"reduce": "drop"}, {"above": 0.01}, [0.2, 0.5, 0.4, 0.3, 0.2], UP),
        ({"reduce": "ratio"}, {"below": 0.5}, [8.0, 4.0, 2.0, 1.5, 1.0], [1.0, 2.0, 2.0, 4.0, 8.0]),
        ({"reduce": "min_step"}, {"above": 0.005}, UP, DOWN),
        ({"reduce": "max_step"}, {"below": -0.005}, DOWN, UP),
        ({"reduce": "argmax"}, {"above": 4}, UP, DOWN),
        ({"reduce": "least_ratio"}, {"at_least": 1.3}, [1.0, 1.5, 1.4, 9.0, 2.0], [1.0, 9.0, 1.2, 9.0, 9.0]),
    ],
)
def test_a_claim_across_an_axis_can_be_refuted(how, condition, good, bad):
    how |= {"across": "ratio"}
    assert verdict(condition, table({3: good}), **how) == "holds"
    assert verdict(condition, table({3: bad}), **how) == "fails"
    assert verdict(condition, table({3: NOTHING}), **how) == "fails"


def test_a_gain_of_less_than_the_noise_is_none():
    assert verdict({"above": 0.01}, table({3: [0.2, 0.2003]}), across="ratio", reduce="gain") == "fails"


def test_values_that_lie_in_a_range():
    how = {"across": "ratio", "reduce": "range"}
    assert verdict({"at_most": 0.25}, table({3: [0.5, 0.4, 0.6]}), **how) == "holds"
    assert verdict({"at_most": 0.25}, table({3: [0.5, 0.4, 0.7]}), **how) == "fails"


def test_values_far_apart_by_a_factor():
    assert verdict({"below": 10}, table({3: [1.0, 0.5, 4.0]}, step=0), across="ratio", reduce="factor") == "holds"
    assert row({"below": 10}, table({3: [0.5, 0.25, 5.0]}, step=0), across="ratio", reduce="factor")["ours"] == 20
    assert verdict({"below": 10}, table({3: [0.0, 1.0]}, step=0), across="ratio", reduce="factor") == "undefined"


def test_two_columns_agree_in_their_order_or_not():
    how = {"across": "ratio", "reduce": "rank_correlation", "with_column": "other"}
    for other, expected in ((UP, "holds"), (UP[::-1], "fails"), (NOTHING, "fails")):
        data = table({3: UP})
        data = data.assign(other=np.repeat(other, len(SEEDS)))
        assert verdict({"above": 0.5}, data, **how) == expected


def test_two_columns_agree_in_their_values_or_not():
    data = table({3: UP}).assign(other=np.repeat(UP, len(SEEDS)))
    how = {"minus_column": "other", "across": "ratio", "reduce": "greatest_distance"}
    assert verdict({"below": 0.17}, data, **how) == "holds"
    assert verdict({"below": 0.17}, data.assign(other=-data.cos), **how) == "fails"
    assert verdict({"below": 0.17}, data.assign(other=0.0), **how) == "fails"


def test_difference_and_ratio_of_two_columns():
    data = RISING.assign(other=RISING.cos - 0.25, half=RISING.cos / 2)
    assert verdict({"near": 0.25, "tolerance": 1e-9}, data, minus_column="other") == "holds"
    assert verdict({"above": 0.3}, data, minus_column="other") == "fails"
    pinned = {"where": {"ratio": 4}}
    assert row({"near": 2, "tolerance": 1e-9}, data, ratio_to_column="half", **pinned)["ours"] == pytest.approx(2)
    assert verdict({"above": 0}, data.assign(half=0.0), ratio_to_column="half", **pinned) == "undefined"


def test_two_places_are_compared_by_name_in_the_order_written():
    """Before, the order was that of the text: one claim had to be written upside down."""
    data = RISING.assign(activation=RISING.k_major.map({3: "relu", 5: "identity"}))
    how = {"keys": ["activation", "ratio"], "where": {"ratio": 4}}
    assert row({"above": 0}, data, compare={"activation": ["relu", "identity"]}, **how)["ours"] == pytest.approx(0.4)
    assert verdict({"above": 0}, data, compare={"activation": ["identity", "relu"]}, **how) == "fails"
    flat = data.assign(cos=0.5)
    assert verdict({"above": 0}, flat, compare={"activation": ["relu", "identity"]}, **how) == "fails"
    with pytest.raises(ConfigError, match="activation has no order, being relu, identity: use compare"):
        row({"above": 0}, data, across="activation", reduce="change", **how)
    with pytest.raises(ConfigError, match="has no order"):
        row({"above": 0}, data.assign(activation=data.k_major == 3), across="activation", reduce="change", **how)


def losses(plain, smoothed):
    """A loss without a smoothing and one with two, at two noise levels; each seed adds a hundredth."""
    cells = [("plain", None, plain), ("smoothed", 0.1, smoothed), ("smoothed", 0.2, [0.0, 0.0])]
    return pd.DataFrame(
        [
            {"loss": loss, "smoothing": smoothing, "noise": noise, "seed": seed, "cos": value + seed / 100}
            for loss, smoothing, values in cells
            for noise, value in zip((0.1, 0.2), values, strict=True)
            for seed in SEEDS
        ]
    )


@pytest.mark.parametrize(("last", "verdict_"), [(0.09, "holds"), (0.11, "fails"), (10.0, "fails")])
def test_one_place_over_the_other(last, verdict_):
    """NC1 from zero error to the end: a tenth is less than a tenth or not; a rise fails; from 0 there is no ratio."""
    data = pd.DataFrame([{"moment": m, "seed": s, "cos": v * (s + 1)}
                         for m, v in (("zero_error", 1.0), ("last", last)) for s in SEEDS])  # fmt: skip
    how = {"compare": {"moment": ["zero_error", "last"]}, "as_ratio": True}
    found = row({"at_most": 0.1}, data, ["moment"], **how)
    assert (found["verdict"], found["ours"]) == (verdict_, pytest.approx(last))
    nothing = row({"at_most": 0.1}, data.assign(cos=data.cos.where(data.moment == "last", 0)), ["moment"], **how)
    assert nothing["verdict"] == "undefined"
    assert "or 0 at zero_error" in nothing["reason"]


def spiked(seeds, peak=50.0):
    """Falling curves over epochs 1 to 6, of which those of some seeds jump at an epoch of their own."""
    return pd.DataFrame([
        {"epoch": epoch, "seed": seed, "cos": 2.0**-epoch * (peak if seed in seeds and epoch == seed + 2 else 1)}
        for seed in range(5) for epoch in range(1, 7)
    ])  # fmt: skip


def test_a_rise_over_the_least_until_then_is_each_seeds_or_the_medians():
    """The five curves jump 25-fold, each at another epoch: no jump moves the median of an epoch."""
    how = {"across": "epoch", "reduce": "rise"}
    assert row({"at_least": 10}, spiked(range(4)), ["epoch"], **how)["verdict"] == "inconclusive"  # 4 of 5
    each = row({"at_least": 10}, spiked(range(5), peak=50), ["epoch"], **how)
    assert (each["verdict"], each["ours"]) == ("holds", pytest.approx(25))
    how["seeds"] = "curve_of_medians"
    curve = row({"below": 0.5}, spiked(range(5)), ["epoch"], **how)
    assert (curve["verdict"], curve["ours"], curve["n"]) == ("holds", 1 / 25, 1)
    together = spiked(range(5)).assign(cos=lambda given: given.cos * np.where(given.epoch == 3, 30, 1))
    assert row({"below": 0.5}, together, ["epoch"], **how)["verdict"] == "fails"  # all seeds jump at epoch 3
    few = spiked(range(3)).query("seed < 3")
    assert row({"below": 0.5}, few, ["epoch"], **how)["reason"].endswith("5 seeds, 3 ran")
    with pytest.raises(ConfigError, match="curve_of_medians is for a table of runs or draws"):
        row({"below": 0.5}, few.query("seed == 0").drop(columns="seed"), ["epoch"], **how)


def test_one_spiked_seed_of_five_does_not_change_the_median():
    """A claim on the end: each seed has to agree, or their median alone."""
    end = {"where": {"epoch": "max"}}
    data = spiked({4})  # at epoch 6, the last
    assert row({"at_most": 0.02}, data, ["epoch"], seeds="median", **end)["verdict"] == "holds"
    assert row({"at_most": 0.02}, data, ["epoch"], **end)["verdict"] == "inconclusive"


def test_places_that_differ_in_a_further_axis_are_compared_where_one_value_of_it_is_left():
    """As cross-entropy, which has no smoothing, with label smoothing at one of several."""
    keys = ["loss", "smoothing", "noise"]
    how = {"compare": {"loss": ["plain", "smoothed"]}, "where": {"smoothing": [None, 0.1]}}
    better, worse = losses([0.5, 0.6], [0.4, 0.5]), losses([0.5, 0.6], [0.4, 0.7])
    assert verdict({"below": 0}, better, keys, **how, unmatched=["smoothing"]) == "holds"
    found = row({"below": 0}, worse, keys, **how, unmatched=["smoothing"])
    assert (found["verdict"], found["at"]) == ("fails", "noise 0.2")
    assert verdict({"below": 0}, better, keys, **how) == "undefined"  # no panel has both
    share = {"share_of_panels": {"below": 0}, "unmatched": ["smoothing"]}
    assert row({"at_least": 0.95}, worse, keys, **how, **share)["ours"] == 0.5
    with pytest.raises(ConfigError, match=r"at loss smoothed, `where` leaves several values of smoothing: 0\.1, 0\.2"):
        row({"below": 0}, better, keys, compare=how["compare"], unmatched=["smoothing"])


def test_where_asks_for_an_empty_cell_by_null():
    keys = ["loss", "smoothing", "noise"]
    found = row({"above": 0.4}, losses([0.5, 0.6], [0.4, 0.3]), keys, where={"smoothing": None})
    assert (found["verdict"], found["n"]) == ("holds", 3)


def test_a_place_on_an_axis_is_compared_after_it_was_found():
    """The depth of the best accuracy, on one dataset and on another."""
    data = table({3: [0.2, 0.9, 0.1], 5: [0.1, 0.2, 0.9]})
    how = {"across": "ratio", "reduce": "argmax", "compare": {"k_major": [3, 5]}}
    assert (row({"above": 0}, data, **how)["ours"], verdict({"above": 0}, data, **how)) == (2, "holds")
    assert verdict({"above": 0}, table({3: UP, 5: UP}), **how) == "fails"


def test_the_share_of_panels_that_satisfy_a_condition():
    nine = table({k: [-0.992 if k < 6 else -0.98] for k in range(9)}, step=0.0001)
    how = {"share_of_panels": {"at_most": -0.99}}
    found = row({"at_least": "6/9"}, nine, **how)
    assert (found["verdict"], found["ours"], found["at"]) == ("holds", pytest.approx(6 / 9), "")
    assert verdict({"at_least": "7/9"}, nine, **how) == "fails"
    gap = nine.assign(cos=nine.cos.where(nine.k_major < 8))
    assert verdict({"at_least": "6/9"}, gap, **how) == "undefined"


def test_a_mean_is_over_what_all_that_is_compared_has_in_common():
    """K_A = 7 alone has the greatest ratios, where the cosine is 1: a mean over them would decide the order."""
    data = table({3: [0.5, 0.6], 7: [0.1, 0.2, 1.0, 1.0]})
    found = row({"above": 0}, data, mean_over=["ratio"], across="k_major", reduce="min_step")
    assert found["verdict"] == "fails"
    assert found["ours"] == pytest.approx(-0.4)
    apart = pd.concat([data[data.k_major == 3], data[(data.k_major == 7) & (data.ratio > 2)]])
    assert verdict({"above": 0}, apart, mean_over=["ratio"], across="k_major", reduce="min_step") == (
        "not run at this scale"
    )


def test_extremes_are_those_of_each_panel():
    """Before, panels that end earlier were dropped without a word."""
    data = table({3: [0.0, 0.9], 5: [0.0, 0.1, 0.2]})
    found = row({"above": 0.8}, data, where={"ratio": "max"})
    assert (found["verdict"], found["at"], found["ours"]) == ("fails", "k_major 5", pytest.approx(0.21))
    infinite = data.assign(ratio=data.ratio.replace(4, np.inf))
    assert row({"above": 0}, infinite, where={"k_major": 5, "ratio": "max_finite"})["ours"] == pytest.approx(0.11)
    assert row({"above": 0}, infinite, where={"ratio": "inf"})["ours"] == pytest.approx(0.21)


def test_a_condition_may_say_where():
    found = row({"above": 0}, where={"ratio": {"at_least": 2}, "k_major": 3})
    assert (found["verdict"], found["at"], found["ours"]) == ("holds", "ratio 2.0", pytest.approx(0.11))


def test_a_value_that_only_the_table_shows_and_does_not_have_is_an_error():
    data = RISING.assign(layer=3)
    with pytest.raises(ConfigError, match="no row has layer 4; there are 3"):
        check("c", claim({"above": 0}, where={"layer": 4}), data, [*KEYS, "layer"], "demo", found_keys=["layer"])


def test_two_columns_can_agree_over_an_axis_without_order():
    """Of the six pairs of four runs five are in the same order: Kendall's tau is (5 - 1) / 6."""
    runs = {"cell": ["d", "a", "c", "b"], "cos": [1.0, 2.0, 3.0, 4.0], "other": [10.0, 20.0, 40.0, 30.0]}
    data = pd.concat(pd.DataFrame(runs).assign(seed=seed) for seed in SEEDS)
    how = {"across": "cell", "reduce": "concordance", "with_column": "other", "keys": ["cell"]}
    assert row({"near": 4 / 6, "tolerance": 1e-9}, data, **how)["ours"] == pytest.approx(4 / 6)
    assert verdict({"near": 4 / 6, "tolerance": 1e-9}, data, **how) == "holds"
    assert verdict({"at_least": 0.7}, data, **how) == "fails"
    assert row({"at_least": -1}, data.assign(other=3.0), **how)["ours"] == 0


def test_a_panel_of_a_single_point_has_no_trend():
    data = pd.concat([table({3: UP}), table({5: [0.1]})])
    found = row({"above": 0.5}, data, across="ratio", reduce="trend")
    assert (found["verdict"], found["reason"]) == (
        "undefined", "3 of 3 values are missing: fewer than 2 values of ratio, or a zero"
    )  # fmt: skip


def test_a_column_of_text_is_no_quantity():
    with pytest.raises(ConfigError, match="column cos, which holds no numbers"):
        row({"above": 0}, RISING.assign(cos="high"))
    with pytest.raises(ConfigError, match="the column other: its table has k_major"):
        row({"above": 0}, RISING, minus_column="other")


@pytest.mark.parametrize(
    ("condition", "inside", "outside", "words"),
    [
        ({"above": 1}, 1.1, 1.0, "> 1"),
        ({"at_least": 1}, 1.0, 0.9, ">= 1"),
        ({"below": 1}, 0.9, 1.0, "< 1"),
        ({"at_most": "1/2"}, 0.5, 0.6, "<= 0.5"),
        ({"near": 1, "tolerance": 0.1}, 1.05, 1.2, "1 within 0.1"),
        ({"between": [0, 1]}, 1.0, 1.5, "0 to 1"),
    ],
)
def test_conditions_mean_what_they_say(condition, inside, outside, words):
    condition = Condition.model_validate(condition)
    assert condition.interval().holds(inside)
    assert not condition.interval().holds(outside)
    assert not condition.interval().holds(np.nan)
    assert str(condition) == words


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"condition": {"above": 1, "below": 2}}, "give exactly one of above"),
        ({"condition": {"near": 1}}, "give tolerance with near"),
        ({"condition": {"above": 1, "tolerance": 1}}, "give tolerance with near"),
        ({"condition": {"between": [2, 1]}}, "between needs its lower end first"),
        ({"across": "ratio"}, "give across and reduce together"),
        ({"reduce": "rank_correlation", "across": "ratio"}, "give with_column"),
        ({"over": ["ratio"]}, "over is now mean_over"),
        ({"along": "ratio"}, "along is now across"),
        ({"minus": "r"}, "minus is now minus_column"),
        ({"compare": {"ratio": [1, 2]}, "across": "ratio", "reduce": "change"}, "an axis is used once"),
        ({"minus_column": "a", "ratio_to_column": "b"}, "not both"),
        ({"where": {"ratio": {"drawn": 1}}}, "where can not ask for draws"),
        ({"unmatched": ["ratio"]}, "unmatched and as_ratio go with compare"),
        ({"compare": {"ratio": [1, 2]}, "unmatched": ["ratio"]}, "an axis is used once"),
    ],
)
def test_a_claim_that_says_nothing_clear_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        claim(**({"condition": {"above": 0}} | changed))
