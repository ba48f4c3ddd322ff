"""What is gathered chunk by chunk in bounded memory agrees with what NumPy says of everything at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.events import Cells, Dense, EventBatch
from pidcam.inspection import repeats, sample, spread
from pidcam.inspection.repeats import Repeats, RepeatsOf
from pidcam.inspection.sample import SampleOf
from pidcam.inspection.spread import SpreadOf

VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(np.nan) | st.just(np.inf), max_size=30)


@given(st.lists(VALUES, max_size=6))
@settings(max_examples=50)
def test_a_spread_is_that_of_all_values_at_once(chunks: list[list[float]]) -> None:
    gather = SpreadOf()
    for chunk in chunks:
        gather.add(np.array(chunk))
    found = gather.result()
    values = np.array([v for chunk in chunks for v in chunk])
    finite = values[np.isfinite(values)]
    assert (found.n, found.missing) == (len(finite), len(values) - len(finite))
    if not len(finite):
        assert (found.mean, found.std, found.minimum, found.quantiles) == (None, None, None, {})
        return
    assert found.mean == pytest.approx(finite.mean(), abs=1e-6)
    assert found.std == pytest.approx(finite.std(), rel=1e-9, abs=1e-6)
    assert found.rms == pytest.approx(np.sqrt((finite**2).mean()), rel=1e-9, abs=1e-6)
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())
    assert found.quantiles["0.5"] == pytest.approx(np.median(finite))


def test_a_small_spread_around_a_large_mean_is_not_lost() -> None:
    values = 1e9 + np.random.default_rng(0).normal(0, 0.5, 100_000)
    gather = SpreadOf(quantiles=False)
    for chunk in np.array_split(values, 37):
        gather.add(chunk)
    assert gather.result().std == pytest.approx(values.std(), rel=1e-6)
    assert gather.result().quantiles == {}


def test_quantiles_beyond_what_is_kept_are_those_of_a_fair_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ordered input would betray a sample that prefers its beginning or its end."""
    monkeypatch.setattr(spread, "KEPT", 4000)
    gather = SpreadOf()
    for chunk in np.array_split(np.arange(200_000.0), 83):
        gather.add(chunk)
    found = gather.result()
    assert gather._sample is not None
    assert len(np.unique(gather._sample)) == 4000
    for level, value in found.quantiles.items():
        error = 200_000 * np.sqrt(float(level) * (1 - float(level)) / 4000)
        assert abs(value - 200_000 * float(level)) < 4 * error
    assert (found.minimum, found.maximum) == (0, 199_999)


def repeated(content: list[int], label: list[int], part: list[int] | None = None) -> Repeats:
    """Every event added on its own; `content` stands for the hash."""
    gather = RepeatsOf(("photon", "electron"))
    random = np.random.default_rng(0).integers(0, 1 << 63, (max(content) + 1, 2), np.uint64)
    for i, c in enumerate(content):
        gather.add(random[[c]], np.array([label[i]]), np.array([10]), part[i] if part else 0)
    return gather.result()


def test_repeats_count_all_but_the_first() -> None:
    found = repeated([1, 2, 1, 3, 1, 2], [0, 1, 0, 1, 0, 1])
    assert found.events == {"photon": 2, "electron": 1}
    assert (found.total, found.across, found.contradictory, found.exact) == (3, 0, 0, True)
    assert found.one_pair_in == pytest.approx(15 / 4)


def test_repeats_in_several_files_and_under_several_classes() -> None:
    found = repeated([1, 1, 2, 2, 3, 3, 4, 4], [0, 1, 1, 1, -1, 0, -1, -1], [0, 0, 0, 1, 0, 0, 0, 0])
    assert found.events == {"photon": 1, "electron": 2, "(no class)": 1}
    assert found.across == 1
    assert found.contradictory == 1, "an unknown class contradicts none"


def test_nothing_repeats_in_nothing() -> None:
    assert RepeatsOf(("photon",)).result() == Repeats({"photon": 0}, 0, 0, None, None, None, True)


def test_more_hashes_than_are_kept_give_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST", 5000)
    rng = np.random.default_rng(1)
    once = rng.integers(0, 1 << 63, (60_000, 2), np.uint64)
    content = np.concatenate([once, once[:20_000]])
    gather = RepeatsOf(("photon",))
    for chunk in np.array_split(content, 20):
        gather.add(chunk, np.zeros(len(chunk), np.int16), np.ones(len(chunk)), 0)
    found = gather.result()
    assert not found.exact
    assert gather._size <= 5000
    assert found.total == pytest.approx(20_000, rel=0.15)
    assert found.one_pair_in == pytest.approx(80_000**2 / 2 / 20_000, rel=0.15)


def events(n: int, start: int) -> EventBatch:
    """Event i of class i % 10 == 0 has i % 7 + 1 hits."""
    row = np.arange(start, start + n)
    values = np.zeros((n, 1, 8), np.float32)
    values[:, 0] = np.arange(8) <= (row % 7)[:, None]
    return EventBatch({"calo": Cells.from_dense(Dense(values))}, {}, {}, (row % 10 == 0).astype(np.int16), row)


def test_the_sample_is_fair_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "EVENTS", 300)
    gather = SampleOf()
    for start in range(0, 20_000, 1000):
        gather.add(events(1000, start))
    found = gather.result()
    assert found is not None
    assert np.bincount(found.label).tolist() == [300, 300]
    assert (np.diff(found.row) > 0).all()
    for label in (0, 1):
        rows = found.row[found.label == label]
        assert abs(rows.mean() - 10_000) < 4 * 20_000 / np.sqrt(12 * 300)
    assert np.array_equal(found.images["calo"].hits(), found.row % 7 + 1)


def test_the_sample_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "BYTES", 600)  # a hit takes 2 + 4
    gather = SampleOf()
    for start in range(0, 5000, 1000):
        gather.add(events(1000, start))
    found = gather.result()
    assert found is not None
    for label in (0, 1):
        hits = found.images["calo"].hits()[found.label == label].sum()
        assert 80 <= hits <= 100
    assert SampleOf().result() is None
