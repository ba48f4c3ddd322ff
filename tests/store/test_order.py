"""Orders: every event once, windows for large stores, stated fractions; whatever piece is asked for first."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import ConfigError, UnknownNameError
from pidcam.store.order import BLOCKS, Balanced, Order, Shuffled, Stored, fractions_of, shares

EVENTS = np.flatnonzero(np.random.default_rng(0).random(900) < 0.6).astype(np.uint32)


def every(order: Order) -> np.ndarray:
    return order.between(0, len(order))


@given(window=st.integers(1, 1000), seed=st.integers(0, 99), cuts=st.lists(st.integers(0, len(EVENTS)), max_size=4))
@settings(max_examples=50)
def test_any_piece_of_a_shuffle_is_what_it_is_in_the_whole(window: int, seed: int, cuts: list[int]) -> None:
    whole = every(Shuffled(EVENTS, window, "epoch", seed, 0))
    assert sorted(whole) == EVENTS.tolist()
    order, edges = Shuffled(EVENTS, window, "epoch", seed, 0), sorted({0, len(EVENTS), *cuts})
    for start, stop in reversed(list(pairwise(edges))):
        assert np.array_equal(order.between(start, stop), whole[start:stop])
        inside, end = order.ranges(start, stop)
        assert end >= stop
        assert all(((inside[:, 0] <= e) & (e < inside[:, 1])).any() for e in whole[start:stop]), "read ahead of use"


def test_a_window_reads_whole_blocks_and_no_more_than_its_events() -> None:
    events, window = np.arange(100_000, dtype=np.uint32), 6400
    order = Shuffled(events, window, "epoch", 1, 0)
    whole = every(order)
    assert sorted(whole) == events.tolist()
    for start in range(0, len(events), window):
        mine = whole[start : start + window]
        blocks = np.unique(mine // (window // BLOCKS))
        assert len(blocks) <= BLOCKS + 1
        assert np.ptp(mine) > len(events) / 2, "blocks from everywhere"
    steps = np.diff(whole[:window].astype(np.int64))
    assert (steps == 1).mean() < 0.01, "events of a block do not stay together"


def test_every_order_of_a_small_store_is_as_likely() -> None:
    found = Counter(tuple(every(Shuffled(np.arange(3), 10, "epoch", seed, 0))) for seed in range(1200))
    assert len(found) == 6
    assert max(found.values()) - min(found.values()) < 5 * np.sqrt(400), "five sigma of the difference"


def test_stored_order_is_read_ahead_in_windows() -> None:
    order = Stored(np.arange(100, dtype=np.uint32), 30)
    assert every(order).tolist() == list(range(100))
    ranges, end = order.ranges(40, 50)
    assert ranges.tolist() == [[30, 60]]
    assert end == 60


# balance


@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=4),
    weights=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    epochs=st.integers(1, 4),
    window=st.integers(1, 80),
)
@settings(max_examples=40)
def test_classes_have_their_fractions_and_their_events_come_equally_often(
    counts: list[int], weights: list[int], epochs: int, window: int
) -> None:
    label = np.repeat(np.arange(len(counts)), counts)
    classes = {f"c{k}": np.flatnonzero(label == k).astype(np.uint32) for k in range(len(counts))}
    fractions = {f"c{k}": weights[k] / sum(weights[: len(counts)]) for k in range(len(counts))}
    seen = np.zeros(len(label), int)
    for epoch in range(epochs):
        order = Balanced(classes, fractions, len(label), window, 7, epoch)
        whole = every(order)
        for k in range(len(counts)):
            assert abs((label[whole] == k).sum() - fractions[f"c{k}"] * len(label)) < 1
        again = Balanced(classes, fractions, len(label), window, 7, epoch)
        middle = len(label) // 2
        assert np.array_equal(again.between(middle, len(label)), whole[middle:]), "a cursor resumes"
        assert np.array_equal(again.between(0, middle), whole[:middle])
        np.add.at(seen, whole, 1)
    for mine in classes.values():
        assert np.ptp(seen[mine]) <= 1, "over the epochs"


def test_shares_add_up() -> None:
    assert shares([1 / 3, 1 / 3, 1 / 3], 100) == [34, 33, 33]
    assert sum(shares([0.1, 0.2, 0.7], 7)) == 7


def test_fractions_are_checked() -> None:
    names, labels = ("pion", "kaon", "proton"), np.array([0, 0, 1])
    assert fractions_of({"kaon": 0.75, "pion": 0.25}, names, labels, shuffle=True) == {"pion": 0.25, "kaon": 0.75}
    assert fractions_of("equal", names[:2], labels, shuffle=True) == {"pion": 0.5, "kaon": 0.5}
    with pytest.raises(UnknownNameError, match="unknown class 'koan'; did you mean 'kaon'"):
        fractions_of({"koan": 1.0}, names, labels, shuffle=True)
    with pytest.raises(ConfigError, match=r"add up to 0\.9"):
        fractions_of({"kaon": 0.4, "pion": 0.5}, names, labels, shuffle=True)
    with pytest.raises(ConfigError, match=r"no events of class 'proton' to make 0\.5 of them"):
        fractions_of({"proton": 0.5, "pion": 0.5}, names, labels, shuffle=True)
    with pytest.raises(ConfigError, match="only in random order; shuffle=True"):
        fractions_of("equal", names, labels, shuffle=False)
