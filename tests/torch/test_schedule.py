from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse.training.schedule import measured_epochs


def test_the_published_epochs():
    """Papyan et al. 2020, the authors' notebook: 350 epochs, 50 measurements."""
    published = [
        *range(1, 15), 16, 17, 19, 20, 22, 24, 27, 29, 32, 35, 38, 42, 45, 50, 54, 59, 65, 71, 77, 85, 92, 101, 110,
        121, 132, 144, 158, 172, 188, 206, 225, 245, 268, 293, 320, 350,
    ]  # fmt: skip
    assert list(measured_epochs(350, 50)) == published


@given(st.integers(1, 2000), st.integers(2, 2000))
def test_epochs_increase_from_the_first_to_the_last(epochs, count):
    measured = measured_epochs(epochs, count)
    assert len(measured) == min(count, epochs)
    assert (measured[0], measured[-1]) == (1, epochs)
    gaps = [after - before for before, after in pairwise(measured)]
    assert all(gap >= 1 for gap in gaps)
    assert all(after >= before - 1 for before, after in pairwise(gaps))  # but for rounding, wider


def test_more_measurements_than_epochs_are_all_epochs():
    assert measured_epochs(7, 50) == (1, 2, 3, 4, 5, 6, 7)


def test_where_no_gap_would_be_below_one_the_spacing_is_geometric():
    assert measured_epochs(1000, 4) == (1, 10, 100, 1000)


def test_one_measurement_is_the_last_epoch():
    assert measured_epochs(60, 1) == (60,)


@pytest.mark.parametrize(("epochs", "count"), [(0, 5), (5, 0), (-1, 1)])
def test_nothing_to_measure_is_an_error(epochs, count):
    with pytest.raises(ValueError, match="must be positive"):
        measured_epochs(epochs, count)
