"""Of two ways to the same result the quicker one is kept."""

from __future__ import annotations

import time

import pytest

from pidcam.store.quickest import RUN, RUNS, WARM, Quickest

TRIALS = 2 * RUN * RUNS


@pytest.mark.parametrize("slow", ["a", "b"])
def test_the_quicker_way_is_kept(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    quickest, taken = Quickest(("a", "b")), []
    for use in range(TRIALS + 5):
        work = 1 + use % 3  # what counts is the time per work
        with quickest.chosen(work) as way:
            taken.append(way)
            # the first uses of each turn compile or suffer from the other way, and one of the slow way is lucky
            lucky = way == slow and use % RUN == WARM and use < 2 * RUN
            now += 100 if use % RUN < WARM else 0.1 if lucky else (3 if way == slow else 2) * work
    assert "".join(taken[:TRIALS]) == ("a" * RUN + "b" * RUN) * RUNS
    assert set(taken[TRIALS:]) == {"ab".replace(slow, "")}


def test_work_that_fails_is_tried_again() -> None:
    quickest = Quickest((True, False))
    with pytest.raises(ValueError, match="damaged"), quickest.chosen(1):
        raise ValueError("damaged")
    for _ in range(TRIALS):
        with quickest.chosen(1):
            pass
    assert quickest._best is not None
