"""Of two ways to the same result the quicker one is kept."""

from __future__ import annotations

import time

import pytest

from pidcam.store.quickest import TRIALS, Quickest


@pytest.mark.parametrize("slow", ["a", "b"])
def test_the_quicker_way_is_kept(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    quickest, taken = Quickest(("a", "b")), []
    for use in range(2 * TRIALS + 5):
        work = 1 + use % 3  # what counts is the time per work
        with quickest.chosen(work) as way:
            taken.append(way)
            # the first use of each compiles, and one of the slow way is lucky
            now += 100 if use < 2 else 0.1 if way == slow and use in (6, 7) else (3 if way == slow else 2) * work
    assert sorted(taken[: 2 * TRIALS]) == ["a"] * TRIALS + ["b"] * TRIALS
    assert set(taken[2 * TRIALS :]) == {"ab".replace(slow, "")}


def test_work_that_fails_is_tried_again() -> None:
    quickest = Quickest((True, False))
    with pytest.raises(ValueError, match="damaged"), quickest.chosen(1):
        raise ValueError("damaged")
    for _ in range(2 * TRIALS):
        with quickest.chosen(1):
            pass
    assert quickest._best is not None
