"""`inspect` against what NumPy says of the same arrays; which detector; bad, empty, repeated and unlabelled events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.detectors.base import Detector, detectors
from pidcam.errors import DataError, ExistsError, InputError, MismatchError, OutputError, UnknownNameError
from pidcam.formats import reader
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.inspection.facts import EventFacts, Inspection
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.store.store import Store

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "data").glob("Single*.hdf5"))

TOY = Detector(
    name="toy",
    title="two calorimeters",
    schema=EventSchema(
        name="toy",
        images=(
            Image(name="front", shape=(4,), channels=(Channel(name="charge", unit="2e3 e", non_negative=True),)),
            Image(name="back", shape=(2, 3), channels=(Channel(name="signal", unit="mV"), Channel(name="time"))),
        ),
        features=(Column(name="pt", unit="GeV"),),
        targets=(Column(name="energy", unit="GeV"), Column(name="angle")),
        classes=(ParticleClass(name="pion"), ParticleClass(name="kaon"), ParticleClass(name="proton")),
    ),
    layout=Layout(
        format="hdf5",
        images={
            "front": ImageSource(key="front", order="no-channel"),
            "back": ImageSource(key="back", order="channel-first"),
        },
        features={"pt": "pt"},
        targets={"energy": "energy", "angle": "angle"},
        label=LabelSource(key="pdg", values={211: "pion", 321: "kaon", 2212: "proton"}),
    ),
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Detector:
    """A detector with two images, a feature and two targets, known for the length of a test."""
    assert "cms-ecal" in detectors
    monkeypatch.setitem(detectors._things, "toy", lambda: TOY)
    return TOY


def toy_arrays(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "front": rng.exponential(size=(n, 4)) * (rng.random((n, 4)) < 0.5),
        "back": rng.normal(size=(n, 2, 2, 3)) * (rng.random((n, 1, 2, 3)) < 0.3),
        "pt": rng.exponential(size=n),
        "energy": rng.exponential(10, n),
        "angle": rng.normal(size=n),
        "pdg": rng.choice([211, 321, 2212], n, p=[0.6, 0.3, 0.1]),
    }


def write(path: Path, **arrays: object) -> Path:
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array
    return path


def crops(path: Path, n: int = 40, *, seed: int = 0, **change: Any) -> Path:
    """A small file of cms-ecal with some hits in every event; `change` replaces arrays, None leaves one out."""
    rng = np.random.default_rng(seed)
    x = rng.exponential(0.1, (n, 32, 32, 2)) * (rng.random((n, 32, 32, 1)) < 0.02)
    x[:, 16, 16] = 1
    arrays = {"X": x.astype(np.float32), "y": (np.arange(n) % 2).astype(np.float32), **change}
    return write(path, **{key: array for key, array in arrays.items() if array is not None})


def look(*args: Any, **options: Any) -> tuple[Inspection, EventFacts]:
    found = pidcam.inspect(*args, **options)
    assert found.events is not None
    json.dumps(found.as_json(), allow_nan=False)
    return found, found.events


def test_numbers_are_those_of_the_arrays(tmp_path: Path, toy: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two files, read in many small steps."""
    monkeypatch.setattr(reader, "READ_BYTES", 40 * 17)
    one, two = toy_arrays(70, 1), toy_arrays(33, 2)
    paths = [write(tmp_path / "a.h5", **one), write(tmp_path / "b.h5", **two)]
    both = {key: np.concatenate([one[key], two[key]]) for key in one}
    found, facts = look(paths)
    assert (found.kind, found.detector, found.recognised, found.title) == ("raw files", "toy", True, TOY.title)
    pdg = both["pdg"]
    for c, number in zip(facts.classes, (211, 321, 2212), strict=True):
        assert (c.events, c.share) == ((pdg == number).sum(), (pdg == number).mean())
    assert [p.events for p in found.parts] == [70, 33]
    assert found.parts[1].classes["kaon"] == (two["pdg"] == 321).sum()
    assert found.parts[0].bytes == paths[0].stat().st_size

    front, back = facts.images
    assert front.occupancy == pytest.approx((both["front"] != 0).mean())
    assert back.occupancy == pytest.approx((both["back"] != 0).any(1).mean())
    assert (back.shape, back.channels, back.storage) == ((2, 3), {"signal": "mV", "time": ""}, None)

    charge, signal, _ = facts.channels
    hit = 2000 * both["front"][both["front"] != 0]
    assert charge.unit == "e", "stored in units of 2000 e, told in e"
    assert (charge.values.minimum, charge.values.maximum) == pytest.approx((hit.min(), hit.max()))
    assert (charge.values.mean, charge.values.rms) == pytest.approx((hit.mean(), np.sqrt((hit**2).mean())))
    values = both["back"][:, 0][(both["back"] != 0).any(1)]
    assert signal.values.mean == pytest.approx(values.mean(), rel=1e-5)
    assert signal.negative == (values < 0).sum()

    names = [q.name for q in facts.quantities]
    assert names == [
        "front: hits per event",
        "front: sum of charge per event",
        "back: hits per event",
        "back: sum of signal per event",
    ]
    kaons = pdg == 321
    hits = (both["front"] != 0).sum(1)[kaons]
    spread = facts.quantities[0].classes["kaon"]
    assert (spread.n, spread.mean, spread.minimum, spread.maximum) == (
        len(hits),
        pytest.approx(hits.mean()),
        hits.min(),
        hits.max(),
    )
    total = 2000 * both["front"].sum(1)[kaons]
    spread = facts.quantities[1].classes["kaon"]
    assert (spread.mean, spread.std) == pytest.approx((total.mean(), total.std()), rel=1e-5)
    assert spread.quantiles["0.95"] == pytest.approx(np.quantile(total, 0.95), rel=1e-5)

    pt, energy, _ = facts.columns
    assert (pt.kind, pt.unit, pt.values.mean) == ("feature", "GeV", pytest.approx(both["pt"].mean()))
    assert (energy.kind, energy.values.maximum) == ("target", pytest.approx(both["energy"].max()))


def test_facts_do_not_depend_on_how_events_lie_in_files(tmp_path: Path) -> None:
    with h5py.File(EXAMPLES[0]) as a, h5py.File(EXAMPLES[1]) as b:
        x, y = (np.concatenate([a[k][:60], b[k][:60]]) for k in ("X", "y"))
    apart = [crops(tmp_path / f"{i}.hdf5", X=x[i::3], y=y[i::3]) for i in range(3)]
    whole = crops(tmp_path / "whole.hdf5", X=x, y=y)
    one, three = (look(paths, detector="cms-ecal")[1] for paths in ([whole], apart[::-1]))
    assert one.classes == three.classes
    for first, second in zip(one.quantities, three.quantities, strict=True):
        for name in first.classes:
            assert first.classes[name].mean == pytest.approx(second.classes[name].mean)
            assert first.classes[name].quantiles == pytest.approx(second.classes[name].quantiles)


def test_the_geant4_sample() -> None:
    """Single particles of 50 GeV transverse momentum at several angles: energies of 50 GeV and more."""
    found, facts = look(EXAMPLES, detector="cms-ecal")
    assert [(c.name, c.events, c.empty, c.bad) for c in facts.classes] == [
        ("photon", 3740, 0, 0),
        ("electron", 3740, 0, 0),
    ]
    energy = facts.quantities[1]
    assert (energy.name, energy.unit) == ("sum of energy per event", "GeV")
    for spread in energy.classes.values():
        assert spread.quantiles["0.05"] > 45
        assert spread.maximum is not None
        assert spread.maximum < 90
    assert facts.images[0].occupancy == pytest.approx(0.044, abs=0.002)
    assert facts.channels[0].unit == "GeV"
    assert found.notes == ()


def test_a_store_tells_the_same_as_its_raw_files(egamma_files: list[Path], egamma_store: Store) -> None:
    _, raw = look(egamma_files)
    found, stored = look(egamma_store.path)
    manifest = egamma_store.manifest
    assert (found.kind, found.detector) == ("store", "cms-ecal")
    assert [(p.name, p.events) for p in found.parts] == [("train", 320), ("valid", 40), ("test", 40)]
    assert found.parts[1].classes == manifest.accounting.kept["valid"]
    assert found.store is not None
    assert (found.store.split, found.store.seed, found.store.fingerprint) == (
        manifest.split,
        7,
        manifest.fingerprint,
    )
    assert found.store.bytes == sum(p.bytes for p in found.parts)
    assert found.store.bytes_per_event == pytest.approx(found.store.bytes / 400)
    assert stored.images[0].storage == manifest.storage["ecal"]
    assert stored.classes == raw.classes
    assert stored.images[0].occupancy == raw.images[0].occupancy
    for first, second in zip(raw.channels, stored.channels, strict=True):
        assert first.values.mean == pytest.approx(second.values.mean, rel=1e-6)
        assert first.values.n == second.values.n
    assert found.notes == ("Only 40 in valid and 40 in test: numbers on so few events have large errors.",)


def test_bad_events_are_counted(tmp_path: Path, toy: Detector) -> None:
    arrays = toy_arrays(50)
    arrays["pdg"][:] = 211
    arrays["back"][3, 0, 1, 1] = np.nan
    arrays["back"][3, 1, 1, 1] = np.inf
    arrays["front"][7, 2] = -1.5
    arrays["angle"][9] = np.nan
    found, facts = look(write(tmp_path / "bad.h5", **arrays))
    assert facts.classes[0].bad == 3
    _, signal, time = facts.channels
    assert (signal.nan, signal.infinite, time.nan, time.infinite) == (1, 0, 0, 1)
    assert (
        facts.bad_example
        == f"{tmp_path / 'bad.h5'}: image 'front', charge is -1.5 in event 7, but is declared non-negative"
    )
    assert facts.columns[2].values.missing == 1
    assert found.notes[1:] == (
        f"3 events have NaN, infinite or forbidden values, first {facts.bad_example}. "
        "prepare stops at them, or counts and drops them with --drop-bad.",
        "1 event has no angle (target).",
    )


def test_targets_that_nobody_gave_make_no_event_bad(tmp_path: Path, toy: Detector) -> None:
    arrays = toy_arrays(20)
    del arrays["energy"], arrays["pdg"]
    found, facts = look(write(tmp_path / "a.h5", **arrays))
    assert [(c.name, c.events, c.bad) for c in facts.classes][-1] == ("(no class)", 20, 0)
    assert facts.columns[1].values.missing == 20
    assert found.notes == (
        "No event has a known class: predict takes such events, prepare and train do not.",
        "No event has the target energy.",
    )


def test_labels(tmp_path: Path) -> None:
    """None at all, some unknown, one class only, unequal classes."""
    found, facts = look(crops(tmp_path / "a.hdf5", y=None))
    assert [(c.name, c.events) for c in facts.classes] == [("photon", 0), ("electron", 0), ("(no class)", 40)]
    assert not facts.labelled
    found, facts = look(crops(tmp_path / "b.hdf5", y=np.array([0, 1, 7, 0.5] * 10)))
    assert [c.events for c in facts.classes] == [10, 10, 20]
    assert found.parts[0].classes == {"photon": 10, "electron": 10, "(no class)": 20}
    assert found.notes[0] == "20 events have no known class: predict takes them, prepare does not."
    found, facts = look(crops(tmp_path / "c.hdf5", y=np.zeros(40)))
    assert [c.events for c in facts.classes] == [40, 0]
    assert found.notes[0] == (
        "Only class photon is here: a classifier needs the others too, give them to prepare together."
    )
    found, _ = look(crops(tmp_path / "d.hdf5", y=np.array([1] * 36 + [0] * 4)))
    assert found.notes[0] == "The classes are unequal: 9.0 times as many electron as photon."


def test_empty_and_repeated_events(tmp_path: Path) -> None:
    with h5py.File(crops(tmp_path / "seed.hdf5")) as file:
        x, y = file["X"][:], file["y"][:]
    x[5] = x[9] = 0  # two empty events repeat nothing
    x[20] = x[0]  # photons
    x[23] = x[0]  # an electron
    one = crops(tmp_path / "one.hdf5", X=x, y=y)
    two = crops(tmp_path / "two.hdf5", X=x[[0, 1]], y=y[[0, 1]])
    found, facts = look([one, two])
    assert [(c.name, c.empty) for c in facts.classes] == [("photon", 0), ("electron", 2)]
    assert facts.repeats.events == {"photon": 2, "electron": 2}
    assert (facts.repeats.across, facts.repeats.contradictory) == (2, 1)
    assert found.notes == (
        "2 events have no hit at all (4.8 %); prepare drops them, or keeps them with --keep-empty.",
        "4 events (9.5 %) repeat an earlier one; prepare drops them, or keeps them with --keep-duplicates.",
        "2 events occur in more than one file.",
        "1 event occurs under more than one class: one of the labels is wrong.",
    )


def test_events_may_coincide_by_chance(tmp_path: Path, toy: Detector) -> None:
    arrays = toy_arrays(30)
    for key in ("front", "back", "pt"):
        arrays[key][10:15] = arrays[key][3]
    found, facts = look(write(tmp_path / "a.h5", **arrays))
    assert facts.repeats.total == 5
    pairs, possible = 15, 30 * 29 / 2
    assert facts.repeats.one_pair_in == pytest.approx(possible / pairs)
    note = next(note for note in found.notes if "coincide by chance" in note)
    assert note.startswith("5 events (17 %) equal an earlier one, which need not be a fault")
    assert f"1 pair of events in {possible / pairs:,.0f} is equal" in note


def test_a_channel_that_tells_nothing(tmp_path: Path) -> None:
    x = np.zeros((40, 32, 32, 2))
    x[:, 16, 16, 0] = np.arange(1, 41)
    found, _ = look(crops(tmp_path / "a.hdf5", X=x))
    assert found.notes == ("time is 0 in every hit: it tells nothing.",)


# which detector, which kind


def test_recognised_without_labels(tmp_path: Path, toy: Detector) -> None:
    assert look(crops(tmp_path / "a.hdf5", y=None))[0].detector == "cms-ecal"
    arrays = toy_arrays(5)
    del arrays["pdg"]
    assert look(write(tmp_path / "b.h5", **arrays))[0].detector == "toy"


def message(*args: Any, error: type[InputError] = InputError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        pidcam.inspect(*args, **options)
    assert isinstance(caught.value, error)
    return str(caught.value)


def test_not_recognised(tmp_path: Path, toy: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "_things", {k: detectors._things[k] for k in ("cms-ecal", "toy")})
    path = write(tmp_path / "other.h5", z=np.zeros(5))
    fix = "give --detector NAME to see why that one does not"
    assert message(path) == f"{path}: fits no known detector (tried cms-ecal, toy); {fix}"
    assert message(path, detector="toy", error=DataError).startswith(f"{path}: has no data set 'front'")
    path = crops(tmp_path / "empty.hdf5", X=np.zeros((0, 32, 32, 2)), y=np.zeros(0))
    assert message(path, error=DataError) == f"{path}: holds no events; leave this file out"
    monkeypatch.setitem(detectors._things, "twin", detectors._things["cms-ecal"])
    path = crops(tmp_path / "a.hdf5")
    assert message(path) == f"{path}: fits several detectors: cms-ecal, twin; choose one with --detector NAME"


def test_a_fault_of_the_file_is_told_whatever_the_detector(tmp_path: Path, toy: Detector) -> None:
    assert message(tmp_path / "none.h5") == f"{tmp_path / 'none.h5'}: no such file; check the path"
    path = crops(tmp_path / "a.hdf5")
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size // 2)
    fault = f"{path}: is truncated: {size // 2} of {size} bytes are there; fetch or write it again"
    assert message(path, error=DataError) == fault


def test_a_later_file_of_another_kind(tmp_path: Path, toy: Detector) -> None:
    paths = [crops(tmp_path / "a.hdf5"), write(tmp_path / "b.h5", **toy_arrays(4))]
    assert message(paths, error=DataError).startswith(f"{paths[1]}: has no data set 'X' for image 'ecal'")


def test_one_kind_at_a_time(tmp_path: Path, egamma_store: Store) -> None:
    raw, store = crops(tmp_path / "a.hdf5"), egamma_store.path
    assert message([raw, store]) == f"{store}: is a store, but {raw} is a raw file; inspect them one by one"
    assert message([store, store]) == f"{store}: 2 stores are given; inspect them one by one"
    assert message([]) == "nothing to inspect; give raw files, a store or a run"
    empty = tmp_path / "empty"
    empty.mkdir()
    fault = f"{empty}: is a folder without raw files (.h5, .hdf, .hdf5); name the files themselves"
    assert message(empty, detector="cms-ecal") == fault


def test_a_folder_stands_for_the_raw_files_in_and_below_it(tmp_path: Path, egamma_files: list[Path]) -> None:
    for number, path in enumerate(egamma_files):
        (tmp_path / "raw" / str(number)).mkdir(parents=True)
        (tmp_path / "raw" / str(number) / path.name).write_bytes(path.read_bytes())
        (tmp_path / "raw" / str(number) / "log.txt").write_text("made on a Monday")
    assert pidcam.inspect(tmp_path / "raw", detector="cms-ecal").parts[1].name.endswith(egamma_files[1].name)
    store = pidcam.prepare("cms-ecal", [tmp_path / "raw"], tmp_path / "store", workers=1)
    assert [source.name for source in store.manifest.sources] == sorted(path.name for path in egamma_files)
    run = pidcam.train(store.path, tmp_path / "run", model="bdt", set=["model.trees=2"])
    told = pidcam.predict(run.path, tmp_path / "raw", tmp_path / "scores.parquet")
    assert told.events == sum(store.manifest.events(split) for split in store.splits)


def test_a_detector_that_is_another(egamma_store: Store, toy: Detector) -> None:
    store = egamma_store.path
    found = message(store, detector="toy", error=MismatchError)
    assert found == f"{store}: is of detector 'cms-ecal', not 'toy'; leave out --detector"
    assert message(store, detector="tay", error=UnknownNameError) == "unknown detector 'tay'; did you mean 'toy'?"


# pictures


def test_pictures(tmp_path: Path, toy: Detector) -> None:
    arrays = toy_arrays(60)
    arrays["back"][3, 0, 1, 1] = np.nan
    found, _ = look(write(tmp_path / "a.h5", **arrays), out=tmp_path / "pictures")
    names = {"class_counts", "sample_images", "mean_images", "spectra"}
    assert {Path(f).name for f in found.figures} == {f"{name}.png" for name in names}
    for figure in found.figures:
        assert Path(figure).read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "pictures"]


def test_pictures_of_nothing_but_empty_events(tmp_path: Path) -> None:
    path = crops(tmp_path / "a.hdf5", X=np.zeros((4, 32, 32, 2)), y=np.zeros(4))
    found, facts = look(path, out=tmp_path / "pictures")
    assert [Path(f).name for f in found.figures] == ["class_counts.png"]
    assert facts.channels[0].values.n == 0


def test_pictures_overwrite_nothing(tmp_path: Path, egamma_store: Store) -> None:
    (tmp_path / "here").mkdir()
    found = message(egamma_store.path, out=tmp_path / "here", error=ExistsError)
    fix = "choose another --out, or remove it first"
    assert found == f"{tmp_path / 'here'}: already exists, nothing was overwritten; {fix}"


def test_half_a_set_of_pictures_is_none(tmp_path: Path, egamma_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn = Figure.savefig
    calls = []

    def full(self: Figure, *args: Any, **options: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        drawn(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", full)
    found = message(egamma_store.path, out=tmp_path / "pictures", error=OutputError)
    fix = "free some space or choose another --out; nothing half-written was left"
    assert found == f"{tmp_path / 'pictures'}: the disk is full; {fix}"
    assert not list(tmp_path.iterdir())


# runs


def test_a_run(tmp_path: Path, egamma_store: Store) -> None:
    small = ["model.widths=[4]", "training.epochs=2"]
    pidcam.train(egamma_store.path, tmp_path / "run", model="mlp", set=small)
    found = pidcam.inspect(tmp_path / "run")
    assert (found.kind, found.detector) == ("run", "cms-ecal")
    assert found.title == "mlp for photon against electron"
    run = found.run
    assert run is not None
    assert (run.state, run.classes, run.epochs, run.metrics) == ("trained", ("photon", "electron"), 2, {})
    assert run.config["model"]["name"] == "mlp"
    assert run.best["epoch"] == run.facts["best_epoch"]
    assert run.facts["split_fingerprint"] == egamma_store.manifest.fingerprint
    assert run.files["config.yaml"] == (tmp_path / "run" / "config.yaml").stat().st_size
    json.dumps(found.as_json(), allow_nan=False)
    fix = f"see {tmp_path / 'run' / 'figures'}, or call: pidcam report {tmp_path / 'run'}"
    assert message(tmp_path / "run", out=tmp_path / "x") == (
        f"{tmp_path / 'run'}: is a run and has its own figures; {fix}"
    )


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"format": 1, "state": "training", "detector": "cms-ecal"}')
    run = pidcam.inspect(tmp_path).run
    assert run is not None
    assert (run.state, run.config, run.best, run.epochs) == ("training", {}, {}, 0)


# on the terminal


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_json_is_what_the_function_gives(tmp_path: Path) -> None:
    path = crops(tmp_path / "a.hdf5")
    told = json.loads(shown(path, "-d", "cms-ecal", "--json"))
    assert told == json.loads(json.dumps(pidcam.inspect(path, detector="cms-ecal").as_json()))
    assert told["events"]["classes"][0] == {"name": "photon", "events": 20, "share": 0.5, "empty": 0, "bad": 0}


def test_tables_fit_a_terminal_of_80_columns(tmp_path: Path, toy: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pidcam.cli.tables.console", lambda: Console(highlight=False, width=80))
    monkeypatch.setattr("pidcam.cli.show_inspect.console", lambda: Console(highlight=False, width=80))
    arrays = toy_arrays(200)
    arrays["back"][3, 0, 1, 1] = np.nan
    text = shown(write(tmp_path / "a.h5", **arrays))
    lines = text.splitlines()
    assert max(len(line) for line in lines if "next:" not in line) <= 80
    assert not any("…" in line for line in lines)
    for name in ("pion", "image back: 2 x 3 cells", "charge in units of 2e3 e", "energy, GeV", "note: "):
        assert name in text
    assert lines[-1] == f"next: pidcam prepare toy {tmp_path / 'a.h5'} --out stores/toy --drop-bad"


def test_the_next_verb(tmp_path: Path, egamma_store: Store) -> None:
    path = crops(tmp_path / "a.hdf5", y=None)
    assert shown(path).endswith(f"next: pidcam predict RUN {path} --out predictions.parquet\n")
    assert shown(egamma_store.path).endswith(f"next: pidcam train {egamma_store.path}\n")
