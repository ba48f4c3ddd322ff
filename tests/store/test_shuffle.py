"""Orders drawn from a key: permutations, reproducible for ever, different for different keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pidcam.store.shuffle import key_bits, permutation


@given(st.integers(0, 300), st.integers(0, 2**70))
def test_every_number_is_there_once(n: int, seed: int) -> None:
    assert sorted(permutation(n, "test", seed).tolist()) == list(range(n))


def test_the_order_of_a_key_never_changes() -> None:
    """Stores and runs made years ago must resume: if this fails, every seed means something else."""
    assert permutation(10, "epoch", 7, 3).tolist() == [4, 7, 3, 8, 9, 0, 5, 1, 6, 2]


@given(st.integers(1, 300), st.integers(0, 99))
def test_it_is_the_shuffle_of_fisher_and_yates(n: int, seed: int) -> None:
    words = np.random.Philox(key=key_bits("test", seed)).random_raw(n).tolist()
    expected = list(range(n))
    for i in range(n - 1, 0, -1):
        j = words[i] * (i + 1) >> 64
        expected[i], expected[j] = expected[j], expected[i]
    assert permutation(n, "test", seed).tolist() == expected


def test_keys_that_look_alike_differ() -> None:
    keys = [
        ("a",),
        ("a", 0),
        ("a", 0, 0),
        ("a", 1),
        ("a", "1"),
        ("a1",),
        (1, "a"),
        ("a", -1),
        ("a", 2**64),
        ("a", 2**65),
    ]
    assert len({key_bits(*key) for key in keys}) == len(keys)
    assert key_bits("a", np.int64(3)) == key_bits("a", 3)


def test_every_event_may_land_anywhere() -> None:
    first = [int(permutation(8, "test", seed)[0]) for seed in range(4000)]
    assert stats.chisquare(np.bincount(first, minlength=8)).pvalue > 1e-4
