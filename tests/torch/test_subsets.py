import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse.atomic_io import DamagedFile
from collapse.data.subsets import draw, draw_more, read_rows, write_rows

LABELS = np.random.default_rng(5).permutation(np.repeat(np.arange(4), 25))


@given(st.lists(st.integers(0, 25), min_size=4, max_size=4), st.integers(0, 100))
def test_each_class_has_its_count(counts, seed):
    rows = draw(LABELS, tuple(counts), seed)
    assert np.bincount(LABELS[rows], minlength=4).tolist() == counts
    assert len(set(rows)) == len(rows)


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=4, max_size=4), st.integers(0, 100))
def test_subsets_are_nested_in_one_visiting_order(pairs, seed):
    small, large = tuple(map(min, pairs)), tuple(map(max, pairs))
    inner, outer = draw(LABELS, small, seed), draw(LABELS, large, seed)
    assert set(inner) <= set(outer)
    assert [row for row in outer if row in set(inner)] == list(inner)


@given(st.lists(st.integers(1, 15), min_size=4, max_size=4), st.integers(0, 100))
def test_held_out_samples_are_those_a_larger_draw_would_take_next(counts, seed):
    rows = draw(LABELS, tuple(counts), seed)
    more = draw_more(LABELS, rows, 10, seed)
    assert not set(rows) & set(more)
    assert np.bincount(LABELS[more]).tolist() == [10] * 4
    assert set(rows) | set(more) == set(draw(LABELS, tuple(count + 10 for count in counts), seed))


def test_the_whole_set_is_visited_in_the_permutations_own_order():
    assert np.array_equal(draw(LABELS, (25,) * 4, 3), np.random.default_rng(3).permutation(100))


def test_seeds_draw_different_samples():
    assert set(draw(LABELS, (10,) * 4, 0)) != set(draw(LABELS, (10,) * 4, 1))


def test_too_large_a_count_names_the_class():
    with pytest.raises(ValueError, match="class 2 holds 25 samples, 26 are asked for"):
        draw(LABELS, (1, 1, 26, 1), 0)


def test_index_files_round_trip_and_damage_is_named(tmp_path):
    rows = draw(LABELS, (5, 5, 5, 1), 0)
    path = tmp_path / "rows.csv"
    write_rows(path, rows, LABELS)
    assert np.array_equal(read_rows(path), rows)
    path.write_text("nonsense\n1,2\n")
    with pytest.raises(DamagedFile, match=r"rows\.csv.*run again"):
        read_rows(path)
