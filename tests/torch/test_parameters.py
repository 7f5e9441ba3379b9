"""Parameters of the published networks (zhu.md, section 7, from the authors' model code)."""

import pytest

from collapse.models.parameters import parameters

RESNET18 = {"model": "resnet18", "channels": 3, "image_size": 32, "num_classes": 10, "stem": "imagenet"}


@pytest.mark.parametrize(("changed", "total", "trainable"), [
    ({}, 11_181_642, 11_181_642),
    ({"classifier": "fixed_etf"}, 11_181_642, 11_181_642 - 5_120),
    ({"feature_dim": "num_classes"}, 8_867_542, 8_867_542),
    ({"feature_dim": "num_classes", "classifier": "fixed_etf"}, 8_867_542, 8_867_442),
])  # fmt: skip
def test_a_resnet18_has_the_parameters_of_the_authors_code(changed, total, trainable):
    (row,) = parameters([RESNET18 | changed]).to_dict("records")
    assert (row["parameters"], row["trainable"]) == (total, trainable)
    assert row["saving"] == pytest.approx(1 - trainable / 11_181_642)


def test_a_fixed_frame_on_as_many_dimensions_as_classes_saves_a_fifth():
    (row,) = parameters([RESNET18 | {"feature_dim": "num_classes", "classifier": "fixed_etf"}]).to_dict("records")
    assert round(100 * row["saving"], 2) == 20.70
