import pandas as pd
import pytest

from collapse.claims import check, margin
from collapse.paper import Claim, Condition

AXES = ["k_major", "ratio"]


def claim(test, **how):
    return Claim.model_validate(
        {"statement": "s", "table": "t", "column": "cos", "condition": test, "published": {"value": "v", "source": "s"}}
        | how
    )


def table(curves, seeds=(0, 1, 2)):
    """Curves k_major -> values at ratios 1, 2, 4, ...; seed s adds s / 100 to every value."""
    return pd.DataFrame(
        [
            {"k_major": k, "ratio": 2**i, "seed": seed, "cos": value + seed / 100}
            for k, values in curves.items()
            for i, value in enumerate(values)
            for seed in seeds
        ]
    )


RISING = table({3: [0.0, 0.1, 0.5], 5: [0.0, 0.2, 0.9]})


def verdict(test, data=RISING, **how):
    return check("c", claim(test, **how), data, AXES, "demo")


def test_a_selected_value_is_the_seeds_mean_with_spread_and_n():
    row = verdict({"above": 0.8}, where={"k_major": 5, "ratio": "max"})
    assert row["verdict"] == "holds"
    assert row["ours"] == pytest.approx(0.91)
    assert row["spread"] == pytest.approx(0.01)
    assert row["n"] == 3


def test_a_trend_is_the_least_step_in_the_worst_panel():
    row = verdict({"above": 0}, along="ratio", reduce="min_step")
    assert row["verdict"] == "holds"
    assert row["ours"] == pytest.approx(0.1)
    assert row["at"] == "k_major 3"
    falling = verdict({"below": 0}, along="ratio", reduce="max_step")
    assert falling["verdict"] == "fails"
    assert verdict({"above": 0.55}, along="ratio", reduce="range")["verdict"] == "fails"  # panel 3 rises by 0.5 only


def test_panels_are_compared_after_averaging():
    row = verdict({"above": 0}, over=["ratio"], along="k_major")
    assert row["verdict"] == "holds"
    assert row["ours"] == pytest.approx((1.1 - 0.6) / 3)


def test_every_seed_has_a_vote():
    assert verdict({"below": 0.505}, where={"k_major": 3, "ratio": 4})["verdict"] == "inconclusive"
    assert verdict({"below": 0.505}, where={"k_major": 3, "ratio": 4})["reason"] == "1 of 3 seeds agree"
    assert verdict({"below": 0.4}, where={"k_major": 3, "ratio": 4})["verdict"] == "fails"


def test_one_seed_is_inconclusive_but_theory_needs_none():
    alone = table({3: [0.0, 0.5]}, seeds=[0])
    assert verdict({"above": 0}, alone, along="ratio")["verdict"] == "inconclusive"
    assert verdict({"above": 0}, alone.drop(columns="seed"), along="ratio")["verdict"] == "holds"


def test_a_missing_value_is_inconclusive():
    gap = RISING.copy()
    gap.loc[gap.k_major == 3, "cos"] = float("nan")
    assert verdict({"above": -1}, gap)["verdict"] == "inconclusive"


def test_what_was_not_run_says_so():
    for row in (
        verdict({"above": 0}, data=None),
        verdict({"above": 0}, where={"ratio": 64}),
        verdict({"above": 0}, scales=["paper"]),
        verdict({"above": 0}, RISING.iloc[:0]),
        verdict({"above": 0}, RISING[RISING.k_major == 3], over=["ratio"], along="k_major"),
    ):
        assert row["verdict"] == "not run at this scale"
        assert row["ours"] == ""


def test_a_missing_value_may_be_what_is_claimed():
    gap = RISING.copy()
    gap.loc[gap.k_major == 3, "cos"] = float("nan")
    row = verdict({"above": -1, "missing": True}, gap)
    assert row["verdict"] == "holds"
    assert row["condition"] == "> -1, or missing"
    assert verdict({"above": 0.95, "missing": True}, gap)["verdict"] == "fails"


def test_a_claim_on_the_difference_of_two_columns():
    pair = RISING.assign(other=RISING.cos - 0.25)
    row = verdict({"near": 0.25, "tolerance": 1e-9}, pair, minus="other")
    assert row["verdict"] == "holds"
    assert verdict({"above": 0.3}, pair, minus="other")["verdict"] == "fails"


def test_a_factor_is_the_greatest_over_the_least():
    spread = table({3: [0.5, 0.25, 1.0]}, seeds=[0])
    row = verdict({"below": 4.1}, spread.drop(columns="seed"), along="ratio", reduce="factor")
    assert row["ours"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("test", "inside", "outside"),
    [
        ({"above": 1}, 1.1, 1.0),
        ({"below": 1}, 0.9, 1.0),
        ({"near": 1, "tolerance": 0.1}, 1.05, 1.2),
        ({"between": [0, 1]}, 0.5, 1.5),
    ],
)
def test_conditions_mean_what_they_say(test, inside, outside):
    assert margin(Condition.model_validate(test), inside) > 0
    assert margin(Condition.model_validate(test), outside) <= 0
