import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collapse.data.labels import latent_classes, random_labels, uniform_noise
from collapse.data.subsets import draw

N = 20_000
PROBABILITIES = st.floats(0, 1)
SEEDS = st.integers(0, 2**32)


def balanced(k):
    return np.random.default_rng(k).permutation(N) % k


def assert_share(share, probability):
    """Six standard deviations of a binomial share, and a little for rare events."""
    assert abs(share - probability) <= 6 * math.sqrt(probability * (1 - probability) / N) + 20 / N


@given(PROBABILITIES, st.integers(2, 10), SEEDS)
def test_noise_redraws_over_all_classes(rate, k, seed):
    labels = balanced(k)
    before = labels.copy()
    noisy = uniform_noise(labels, rate, k, seed)
    assert np.array_equal(labels, before)
    assert noisy.dtype == np.int64
    assert_share((noisy != labels).mean(), rate * (k - 1) / k)
    pairs = np.bincount(labels * k + noisy, minlength=k * k).reshape(k, k) / N
    expected = ((1 - rate) * np.eye(k) + rate / k) * (np.bincount(labels) / N)[:, None]  # every class equally likely
    for share, probability in zip(pairs.flat, expected.flat, strict=True):
        assert_share(share, probability)


def test_noise_of_rate_one_fifth_flips_one_in_ten_of_two_classes():
    labels = balanced(2)
    assert_share((uniform_noise(labels, 0.2, 2, 0) != labels).mean(), 0.1)


@given(PROBABILITIES, PROBABILITIES, SEEDS)
def test_a_smaller_probability_changes_some_of_the_same_samples_alike(one, other, seed):
    labels = balanced(3)
    for change in (uniform_noise, latent_classes):
        little, much = (change(labels, probability, 3, seed) for probability in sorted((one, other)))
        changed = little != labels
        assert np.array_equal(little[changed], much[changed])


@given(PROBABILITIES, st.integers(1, 5), SEEDS)
def test_hidden_classes_hold_their_share_of_each_class(degree, k, seed):
    labels = balanced(k)
    before = labels.copy()
    hidden = latent_classes(labels, degree, k, seed)
    assert np.array_equal(labels, before)
    assert hidden.dtype == np.int64
    assert np.array_equal(hidden % k, labels)
    assert hidden.max() < 2 * k
    for label in range(k):
        share = (hidden == label + k).sum() / N
        assert_share(share, degree * (labels == label).mean())


def test_probabilities_zero_and_one_are_certain():
    labels = balanced(4)
    assert np.array_equal(uniform_noise(labels, 0, 4, 0), labels)
    assert np.array_equal(latent_classes(labels, 0, 4, 0), labels)
    assert np.array_equal(latent_classes(labels, 1, 4, 0), labels + 4)
    assert_share((uniform_noise(labels, 1, 4, 0) == labels).mean(), 1 / 4)


@given(SEEDS)
def test_random_labels_keep_the_counts_and_forget_the_samples(seed):
    labels = np.repeat(np.arange(4), [N // 2, N // 4, N // 8, N // 8])
    before = labels.copy()
    drawn = random_labels(labels, seed)
    assert np.array_equal(labels, before)
    assert drawn.dtype == np.int64
    assert np.bincount(drawn).tolist() == np.bincount(labels).tolist()
    assert abs(np.corrcoef(drawn, labels)[0, 1]) < 7 / math.sqrt(N)


def test_bytes_become_int64_and_do_not_overflow():
    labels = np.full(N, 199, dtype=np.uint8)
    assert latent_classes(labels, 1, 200, 0).tolist() == [399] * N
    assert uniform_noise(labels, 0.5, 200, 0).dtype == np.int64
    assert random_labels(labels, 0).dtype == np.int64


@pytest.mark.parametrize("changed", [
    lambda labels, seed: uniform_noise(labels, 0.5, 10, seed),
    lambda labels, seed: latent_classes(labels, 0.5, 10, seed),
    lambda labels, seed: random_labels(labels, seed),
])  # fmt: skip
def test_the_seed_alone_decides(changed):
    labels = balanced(10)
    np.random.seed(1)  # noqa: NPY002 - the global generator, which must not matter
    first = changed(labels, 3)
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(changed(labels, 3), first)
    assert not np.array_equal(changed(labels, 4), first)


def test_different_seeds_choose_independently():
    labels = np.zeros(N, dtype=np.int64)
    one, other = (latent_classes(labels, 0.5, 1, seed) for seed in (0, 1))
    assert_share((one & other).mean(), 1 / 4)


def test_equal_seeds_of_different_purposes_choose_independently():
    """A run has one data seed: what it hides must not depend on what it flips, nor its permutation on its subset."""
    labels = balanced(2)
    flipped = uniform_noise(labels, 1, 2, 0) != labels
    assert_share((flipped & (latent_classes(labels, 0.5, 2, 0) > 1)).mean(), 1 / 4)
    positions = np.arange(N)
    subset = draw(np.zeros(N, dtype=np.int64), (N,), 0)
    assert abs(np.corrcoef(random_labels(positions, 0), subset)[0, 1]) < 7 / math.sqrt(N)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_a_probability_outside_0_and_1_is_named(wrong):
    with pytest.raises(ValueError, match=r"rate is .*must lie in \[0, 1\]"):
        uniform_noise(balanced(2), wrong, 2, 0)
    with pytest.raises(ValueError, match=r"degree is .*must lie in \[0, 1\]"):
        latent_classes(balanced(2), wrong, 2, 0)


@pytest.mark.parametrize("change", [uniform_noise, latent_classes])
def test_a_label_that_is_no_class_is_named(change):
    with pytest.raises(ValueError, match=r"labels run from 0 to 4, but must lie in 0\.\.2"):
        change(balanced(5), 0.1, 3, 0)


def test_no_labels_stay_none():
    nothing = np.zeros(0, dtype=np.int64)
    for changed in (uniform_noise(nothing, 0.5, 2, 0), latent_classes(nothing, 0.5, 2, 0), random_labels(nothing, 0)):
        assert changed.shape == (0,)
