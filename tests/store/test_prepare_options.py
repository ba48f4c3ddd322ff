"""prepare: selections, mixing, weights, steps, how images are kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pidcam.config import parse
from pidcam.errors import ConfigError, DataError, InputError, UnknownNameError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.schema import EventSchema
from pidcam.steps.base import Step, build_steps, steps, take_steps
from pidcam.store.loader import Loader
from pidcam.store.options import PrepareOptions
from pidcam.store.weights import Spectrum, effective, reweight


@pytest.fixture
def raw(toy: SimpleNamespace, tmp_path: Path) -> list[Path]:
    """200, 100 and 50 events of the three classes, all with hits."""
    sizes = (200, 100, 50)
    return [toy.save(tmp_path / f"{k}.toy", toy.events(n, k, label=k, occupancy=0.9), 23) for k, n in enumerate(sizes)]


def everything(toy: SimpleNamespace, files: list[Path]) -> EventBatch:
    return EventBatch.concat([load_toy(f) for f in files])


def load_toy(path: Path) -> EventBatch:
    from pidcam.formats.layout import Layout, open_reader

    with open_reader(path, Layout(format="toy"), None) as reader:  # type: ignore[arg-type]
        return reader.read(0, len(reader))


# selections


def test_a_selection_drops_and_counts(toy: SimpleNamespace, raw: list[Path], tmp_path: Path) -> None:
    select = "pt > 0 and (energy < 1 or hits.grid >= 11) and grid.q > -3"
    store = toy.prepare(raw, tmp_path / "store", select=select)
    events = everything(toy, raw)
    grid = events.images["grid"]
    q = grid.values[:, 0].sum(axis=(1, 2), dtype=np.float64)
    met = (events.features["pt"] > 0) & ((events.targets["energy"] < 1) | (grid.hits() >= 11)) & (q > -3)
    assert 20 < met.sum() < 330
    found = toy.stored(store)
    files = np.repeat([f.name for f in raw], [200, 100, 50])
    assert found.keys() == {(str(f), int(r)) for f, r in zip(files[met], events.row[met], strict=True)}
    accounting = store.manifest.accounting
    assert accounting.adds_up()
    assert accounting.dropped["selection"] == dict(
        zip(toy.classes, np.bincount(events.label[~met]).tolist(), strict=True)
    )
    assert store.manifest.options == {"select": select}


def test_official_ranges_still_count_what_a_selection_dropped(
    toy: SimpleNamespace, raw: list[Path], tmp_path: Path
) -> None:
    detector = toy.detector(toy.schema(), official_split={"train": (0, 30), "test": (30, 50)})
    events = everything(toy, raw)
    store = toy.prepare(raw, tmp_path / "store", detector=detector, split="official", select="pt > 0")
    for (file, row), (split, _) in toy.stored(store).items():
        assert split == ("train" if row < 30 else "test")
        assert events.features["pt"][row + {"0.toy": 0, "1.toy": 200, "2.toy": 300}[file]] > 0


# mixing


@pytest.mark.parametrize(
    ("mix", "expected"),
    [
        ("pion=1,kaon=2,proton=1", (50, 100, 50)),
        ({"pion": 4, "kaon": 2, "proton": 1}, (200, 100, 50)),
        ("pion=1,kaon=1,proton=0", (100, 100, 0)),
        (["pion=1", "kaon=0.5,proton=0.5"], (100, 50, 50)),
    ],
)
def test_classes_are_mixed_in_stated_proportions(
    toy: SimpleNamespace, raw: list[Path], tmp_path: Path, mix: Any, expected: tuple[int, ...]
) -> None:
    store = toy.prepare(raw, tmp_path / "store", mix=mix)
    accounting = store.manifest.accounting
    assert tuple(sum(k[name] for k in accounting.kept.values()) for name in toy.classes) == expected
    assert accounting.adds_up()
    for name, n in zip(toy.classes, expected, strict=True):
        assert accounting.read[name] - n == accounting.dropped.get("mix", {}).get(name, 0)
        assert abs(accounting.kept["train"][name] - 0.8 * n) <= 1
    assert len(toy.stored(store)) == sum(expected)


def test_a_limit_comes_before_the_mix(toy: SimpleNamespace, raw: list[Path], tmp_path: Path) -> None:
    accounting = toy.prepare(raw, tmp_path / "store", mix="pion=2,kaon=1,proton=1", limit=80).manifest.accounting
    assert accounting.dropped == {
        "limit": {"pion": 120, "kaon": 20, "proton": 0},
        "mix": {"pion": 0, "kaon": 40, "proton": 10},
    }


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ("pion=1,kaon=1", "--mix: nothing is said about class 'proton', which has 50 events; give its share: proton=1"),
        ("pion=1,muon=2", "--mix: unknown class 'muon'"),
        ("pion=0,kaon=0,proton=0", "--mix: leaves no class; "),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(
    toy: SimpleNamespace, raw: list[Path], tmp_path: Path, mix: str, message: str
) -> None:
    with pytest.raises(InputError) as error:
        toy.prepare(raw, tmp_path / "store", mix=mix)
    assert str(error.value).startswith(message)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("mix", ["pion", "pion=x", "pion=-1", "pion=inf", "pion=nan", "pion=1,pion=2"])
def test_shares_are_numbers(mix: str) -> None:
    with pytest.raises(ConfigError, match=r"^prepare mix"):
        parse(PrepareOptions, {"mix": mix}, where="prepare")


# weights


def histogram(store: Any, edges: np.ndarray, label: int) -> np.ndarray:
    events = store.events("train")
    mine = events.label == label
    return np.histogram(events.features["pt"][mine], edges, weights=events.weight[mine].astype(np.float64))[0]


def test_spectra_become_flat_and_keep_their_totals(toy: SimpleNamespace, raw: list[Path], tmp_path: Path) -> None:
    edges = np.array([-5.0, -1, 0, 0.5, 5])
    store = toy.prepare(raw, tmp_path / "store", reweight="pt:-5,-1,0,0.5,5")
    for label, name in enumerate(toy.classes):
        n = store.manifest.accounting.kept["train"][name]
        assert histogram(store, edges, label) == pytest.approx(n * np.diff(edges) / 10, rel=1e-4)
        told = store.manifest.weights["train"][name]
        assert told.total == pytest.approx(n, rel=1e-4)
        assert told.events == n > told.effective > 0


def test_spectra_match_that_of_a_class(toy: SimpleNamespace, raw: list[Path], tmp_path: Path) -> None:
    edges = np.array([-5.0, -1, 0, 1, 5])
    store = toy.prepare(raw, tmp_path / "store", reweight="pt:-5,-1,0,1,5", reference="kaon", class_weight="proton=3")
    kept = store.manifest.accounting.kept["train"]
    kaon = histogram(store, edges, 1) / kept["kaon"]
    assert (store.events("train").weight[store.events("train").label == 1] == 1).all()
    assert histogram(store, edges, 0) / kept["pion"] == pytest.approx(kaon, rel=1e-4)
    assert histogram(store, edges, 2) / kept["proton"] == pytest.approx(3 * kaon, rel=1e-4)


def test_weights_reach_the_batch_of_their_own_event(toy: SimpleNamespace, raw: list[Path], tmp_path: Path) -> None:
    store = toy.prepare(raw, tmp_path / "store", reweight="pt:4", shard_events=30)
    plain = toy.prepare(raw, tmp_path / "plain", shard_events=30)
    assert store.manifest.fingerprint != plain.manifest.fingerprint
    of_bin: dict[tuple[int, int], set[float]] = {}
    pt = np.concatenate([store.events(s).features["pt"] for s in store.splits])
    edges = np.linspace(pt.min(), pt.max(), 5)
    for batch in Loader(store, store.splits, shuffle=True, batch_size=32):
        place = np.clip(np.searchsorted(edges, batch.features["pt"].numpy(), side="right") - 1, 0, 3)
        for key, weight in zip(
            zip(batch.label.tolist(), place.tolist(), strict=True), batch.weight.tolist(), strict=True
        ):
            of_bin.setdefault(key, set()).add(weight)
    assert all(len(weights) == 1 for weights in of_bin.values())
    assert len(of_bin) > 8
    before, after = plain.events("train"), store.events("train")
    assert np.array_equal(before.row, after.row), "weights move no event"


def test_two_columns_are_flattened_jointly() -> None:
    rng = np.random.default_rng(0)
    columns = {"pt": rng.exponential(1, 4000).clip(0, 2.99), "eta": rng.normal(size=4000).clip(-1.99, 1.99)}
    spectra = [Spectrum.of("pt:0,1,3"), Spectrum.of("eta:-2,0,1,2")]
    label, one = rng.integers(0, 2, 4000), np.ones(4000)
    made = reweight(label, columns, one, one > 0, spectra, None, {0: "a", 1: "b"})
    for k in (0, 1):
        mine = label == k
        found = np.histogram2d(
            columns["pt"][mine], columns["eta"][mine], ([0, 1, 3], [-2, 0, 1, 2]), weights=made[mine]
        )[0]
        assert found == pytest.approx(mine.sum() * np.outer([1, 2], [2, 1, 1]) / 12)


def test_effective_number_of_events() -> None:
    assert effective(np.full(7, 0.3)) == pytest.approx(7)
    assert effective(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective(np.array([1.0, 3])) == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reweight": "pt:-0.1,0.1"}, "--reweight: "),
        ({"reweight": "pt:3,1"}, "--reweight: 'pt:3,1' gives neither a number of bins nor their rising edges"),
        ({"reweight": "p:3"}, "--reweight: unknown column 'p'; did you mean 'pt'?"),
        ({"reference": "kaon"}, "--reference: says whose spectrum, but not of what"),
        ({"reweight": "pt", "reference": "muon"}, "--reference: unknown class 'muon'"),
        ({"class_weight": "muon=2"}, "--class-weight: unknown class 'muon'"),
        ({"storage": "gird=dense"}, "unknown image 'gird'; did you mean 'grid'?"),
        ({"storage": "grid=points"}, "--storage: image 'grid' is stored as points and needs pitch and low"),
        ({"steps": "treshold minimum=1"}, "unknown step 'treshold'; did you mean 'threshold'?"),
        ({"steps": "threshold minimum=1 image=gird"}, "unknown image 'gird'; did you mean 'grid'?"),
        ({"steps": "threshold"}, "step 'threshold' minimum: field required"),
        ({"select": "pt > "}, "--select: 'pt > ' cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    toy: SimpleNamespace, raw: list[Path], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as error:
        toy.prepare(raw, tmp_path / "store", **options)
    assert str(error.value).startswith(message)
    assert not (tmp_path / "store").exists()


# how images are kept


def test_storage_is_measured_over_the_files_and_can_be_overruled(toy: SimpleNamespace, tmp_path: Path) -> None:
    full = toy.save(tmp_path / "a.toy", toy.events(300, 0, label=0, occupancy=0.99))
    sparse = [toy.save(tmp_path / f"b{k}.toy", toy.events(300, k, label=1, occupancy=0.03)) for k in range(3)]
    assert toy.prepare([full, *sparse], tmp_path / "auto", limit=50).manifest.storage["grid"] == "cells"
    store = toy.prepare([full, *sparse], tmp_path / "dense", limit=50, storage={"grid": "dense"})
    assert store.manifest.storage == {"grid": "dense", "cloud": "points"}
    assert isinstance(store.events("train").images["grid"], Dense)
    # points may be put on their grid for good
    schema = toy.schema()
    with pytest.raises(InputError, match="is read as points and cannot be stored as cells"):
        toy.prepare([full, *sparse], tmp_path / "cells", schema=schema, storage="cloud=cells")


@pytest.mark.parametrize("storage", ["dense", "cells"])
def test_float16_tells_what_it_loses(toy: SimpleNamespace, raw: list[Path], tmp_path: Path, storage: str) -> None:
    exact = toy.prepare(raw, tmp_path / "exact", storage={"grid": storage})
    store = toy.prepare(raw, tmp_path / "store", storage={"grid": storage}, float16=True)
    assert store.manifest.fingerprint == exact.manifest.fingerprint, "the same events, split alike"
    before, after = (np.concatenate([s.to_numpy(k)["grid"] for k in s.splits]) for s in (exact, store))
    assert np.array_equal(after, before.astype(np.float16).astype(np.float32))
    lost = store.manifest.rounding["grid"][0]
    values, error = before[:, 0].astype(np.float64), (after - before)[:, 0]
    assert lost.largest == pytest.approx(np.abs(error).max())
    assert lost.relative == pytest.approx(np.sqrt((error**2).sum() / (values**2).sum()), rel=1e-3)
    assert 0 < lost.relative < 2**-11
    images = store.events("train").images["grid"]
    assert (images.values if isinstance(images, Dense) else images.value).dtype == np.float16
    batch = next(iter(Loader(store, "train")))
    assert np.array_equal(batch.dense("grid").numpy(), store.to_numpy("train")["grid"][: len(batch.label)])
    sizes = [sum(s.bytes for shards in k.manifest.shards.values() for s in shards) for k in (exact, store)]
    assert sizes[1] < sizes[0]


def test_values_beyond_float16_are_refused_and_tiny_ones_counted(toy: SimpleNamespace, tmp_path: Path) -> None:
    batch = toy.events(60, occupancy=0.9)
    batch.images["grid"].values[:, :, 1] *= 1e-9
    store = toy.prepare([toy.save(tmp_path / "a.toy", batch)], tmp_path / "store", float16=True)
    values = batch.images["grid"].values[:, 0]
    share = np.count_nonzero(values[:, 1]) / np.count_nonzero(values)
    assert store.manifest.rounding["grid"][0].vanished == pytest.approx(share)
    batch.images["grid"].values[3, 1, 2, 2] = 7e4
    with pytest.raises(DataError, match=r"image 'grid', t reaches 70000, and float16 ends at 65504; prepare"):
        toy.prepare([toy.save(tmp_path / "b.toy", batch)], tmp_path / "other", float16=True)


# steps


@pytest.mark.parametrize("kind", ["dense", "cells"])
def test_steps_change_events_as_they_are_read(toy: SimpleNamespace, tmp_path: Path, kind: str) -> None:
    batch = toy.events(80, kind=kind, occupancy=0.9)
    raw = toy.save(tmp_path / "raw.toy", batch)
    done = ["calibrate factor=2", {"name": "threshold", "image": "grid", "minimum": 0.5}]
    store = toy.prepare([raw], tmp_path / "store", steps=done, keep_empty=True)
    grid = batch.images["grid"]
    values = grid.to_dense(toy.schema().images[0]).values if isinstance(grid, Cells) else grid.values
    expected = values.copy()
    expected[:, 0] *= 2
    expected = np.where(expected[:, :1] < 0.5, 0, expected)
    found = {
        int(r): image
        for s in store.splits
        for r, image in zip(*map(store.to_numpy(s).get, ("row", "grid")), strict=True)
    }
    assert np.array_equal(np.stack([found[r] for r in range(80)]), expected)
    assert store.manifest.raw_layout.steps == (
        {"name": "calibrate", "factor": 2},
        {"name": "threshold", "image": "grid", "minimum": 0.5},
    )


def test_a_step_of_ones_own_may_not_lose_events(toy: SimpleNamespace, tmp_path: Path) -> None:
    class Halve(Step):
        """Every second event."""

        def __call__(self, events: EventBatch, schema: EventSchema) -> EventBatch:
            return events.take(np.arange(0, len(events), 2))

    steps.add("halve", Halve)
    try:
        schema, batch = toy.schema(), toy.events(10)
        with pytest.raises(Exception, match=r"raw\.toy: step 'halve' changed which events there are; drop events with"):
            take_steps(build_steps([{"name": "halve"}], schema), batch, schema, where=tmp_path / "raw.toy")
    finally:
        del steps._things["halve"]
    with pytest.raises(UnknownNameError, match="channel 'e'"):
        build_steps([{"name": "calibrate", "channel": "e"}], toy.schema())


def test_weights_of_events_come_from_a_card(tmp_path: Path) -> None:
    """Also negative ones, as generators make them; not NaN."""
    from pidcam.cards import find_detector
    from pidcam.store.prepare import prepare_store

    rng = np.random.default_rng(0)
    arrays = {"x": rng.random((40, 3, 3)), "y": np.arange(40) % 2, "w": rng.normal(size=40)}
    np.savez(tmp_path / "raw.npz", **arrays)
    card = tmp_path / "card.yaml"
    card.write_text(
        "name: weighted\nfiles: [raw.npz]\nformat: npz\nweight: w\nlabel: {key: y, values: {0: a, 1: b}}\n"
        "images: {x: {key: x, order: no-channel, shape: [3, 3], channels: [e]}}\n",
        encoding="utf-8",
    )
    store = prepare_store(find_detector(card), [tmp_path / "raw.npz"], tmp_path / "store", PrepareOptions(), workers=1)
    for split in store.splits:
        events = store.events(split)
        assert np.array_equal(events.weight, arrays["w"].astype(np.float32)[events.row])
    arrays["w"][7] = np.nan
    np.savez(tmp_path / "raw.npz", **arrays)
    with pytest.raises(DataError, match=r"raw\.npz: the weight is nan in event 7"):
        prepare_store(find_detector(card), [tmp_path / "raw.npz"], tmp_path / "bad", PrepareOptions(), workers=1)
