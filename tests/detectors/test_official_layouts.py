"""Every detector reads small files in its official layout, written here by other means, into a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pidcam.detectors.base import Detector, detectors
from pidcam.detectors.clic_lcd import FEATURES
from pidcam.detectors.next_tpc import TRUTH
from pidcam.errors import DataError
from pidcam.formats.layout import formats, open_reader, open_writer
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store

Event = tuple[str, dict[str, np.ndarray]]
"""Class, and the values of every image, feature and target."""


def sparse(rng: np.random.Generator, *shape: int, most: int = 99) -> np.ndarray:
    return np.where(rng.random(shape) < 0.05, rng.integers(1, most, shape), 0)


def cms_ecal(folder: Path, rng: np.random.Generator) -> list[Event]:
    events = []
    for y, name in enumerate(("Photon", "Electron")):
        x = sparse(rng, 30, 32, 32, 2).astype("f4")
        with h5py.File(folder / f"Single{name}Pt50_IMGCROPS_n249k_RHv1.hdf5", "w") as file:
            file.create_dataset("X", data=x, chunks=(7, 32, 32, 2), compression="lzf")
            file["y"] = np.full(30, y, "f4")
        events += [(name.lower(), {"ecal": np.moveaxis(v, -1, 0)}) for v in x]
    return events


def cms_jets(folder: Path, rng: np.random.Generator) -> list[Event]:
    events: list[Event] = []
    for run in range(2):
        x, pt, m0, y = sparse(rng, 12, 3, 125, 125) / 4, rng.random(12), rng.random(12), np.arange(12) % 2
        table = pa.table({"X_jets": x.tolist(), "pt": pt, "m0": m0, "y": y.astype(float)})
        path = folder / f"QCDToGGQQ_IMGjet_RH1all_jet0_run{run}_n12.test.snappy.parquet"
        pq.write_table(table, path, row_group_size=1 if run else 12)
        events += [
            (("quark", "gluon")[y[i]], {"jet": x[i], "pt": pt[i], "m0": m0[i]}) for i in range(12)
        ]  # fmt: skip
    return events


def belle2_pxd(folder: Path, rng: np.random.Generator) -> list[Event]:
    events = []
    for name in ("pion", "proton", "deuteron"):
        window = sparse(rng, 40, 9, 9, most=256)
        rows = np.concatenate([rng.integers(0, 9, (40, 2)), window.reshape(40, 81), rng.integers(0, 9, (40, 3))], 1)
        np.savetxt(folder / f"{name}s.txt", rows, "%d")
        events += [(name, {"window": w[None]}) for w in window]
    window, flag = sparse(rng, 40, 9, 9, most=256), rng.integers(0, 2, 40)
    np.savetxt(folder / "monopol_bg_9x9.txt", np.concatenate([flag[:, None], window.reshape(40, 81)], 1), "%d")
    return events + [
        (("beam background", "monopole")[f], {"window": w[None]}) for f, w in zip(flag, window, strict=True)
    ]


def belle2_pxd_clusters(folder: Path, rng: np.random.Generator) -> list[Event]:
    names = ("total_charge", "seed_charge", "minimum_charge", "size", "size_u", "size_v")
    events: list[Event] = []
    for code, name in {"BG": "beam background", "dd": "anti-deuteron", "pi": "pion", "T": "tetraquark"}.items():
        rows = rng.integers(0, 65536, (50, 6)).astype(np.uint16)
        np.savetxt(folder / f"Beam_{code}_cluster_sim.txt", rows, "%d")
        events += [(name, dict(zip(names, row, strict=True))) for row in rows]
    return events


def clic_lcd(folder: Path, rng: np.random.Generator) -> list[Event]:
    events: list[Event] = []
    species = {
        "Ele": (11, "electron"),
        "Gamma": (22, "photon"),
        "Pi0": (111, "neutral pion"),
        "ChPi": (-211, "charged pion"),
    }
    for number, (code, (pdg, name)) in enumerate(species.items()):
        ecal, hcal = sparse(rng, 9, 25, 25, 25) / 8, sparse(rng, 9, 5, 5, 60) / 8
        features, energy = rng.random((9, 24)).astype("f4"), rng.uniform(10, 510, (9, 1, 1)).astype("f4")
        (folder / code).mkdir()
        with h5py.File(folder / code / f"{code}Escan_1_{number}.h5", "w") as file:
            for key, values in (("ECAL", ecal), ("HCAL", hcal)):
                file.create_dataset(key, data=values, chunks=(1, *values.shape[1:]), compression="gzip")
            for column, key in enumerate(FEATURES):
                file[key] = features[:, column]
            # as many numbers as files are known to have: the energy is the only or the second one
            others = np.full((9, 1, 3), -1.0)
            file["target"] = energy if number % 2 else np.concatenate([np.full((9, 1, 1), pdg), energy, others], 2)
            if code != "Gamma":
                file["pdgID"] = np.full((9, 1), pdg)
        for i in range(9):
            scalars = dict(zip(FEATURES, features[i], strict=True)) | {"energy": energy[i, 0, 0]}
            events.append((name, {"ecal": ecal[i][None], "hcal": hcal[i][None], **scalars}))
    return events


def lariat(folder: Path, rng: np.random.Generator) -> list[Event]:
    events: list[Event] = []
    missing = {
        "energy", "px", "py", "pz", "track_length", "lepton_momentum", "neutrino_energy", "mode"
    }  # fmt: skip
    named = {"antielectron": "positron", "pionPlus": "positive pion", "numu": "muon neutrino"}
    for number, (code, name) in enumerate(named.items()):
        images = np.zeros((3, 2, 240, 4096), np.int16 if number else np.float16)
        place = tuple(rng.integers(0, n, 900) for n in images.shape)
        images[place] = rng.integers(-500, 500, 900)
        truth = {"neutrino_energy": "nu_energy_truth", "mode": "mode_truth"}
        if code != "numu":
            truth = {"energy": "Energy", "px": "Px", "py": "Py", "pz": "Pz", "track_length": "Track_length"}
        with h5py.File(folder / f"{code}_13{number}.2d.h5", "w") as file:
            file.create_dataset("images", data=images, chunks=(1, 2, 240, 4096), compression="gzip", compression_opts=1)
            values = {column: rng.integers(0, 9, 3).astype("f4") for column in truth}
            for column, key in truth.items():
                file[key] = values[column]
            file["trajectory/C"] = np.zeros((3, 5, 3))
        for i in range(3):
            scalars = dict.fromkeys(missing, np.float32(np.nan)) | {k: v[i] for k, v in values.items()}
            events.append((name, {"planes": images[i], **scalars}))
    return events


def next_tpc(folder: Path, rng: np.random.Generator) -> list[Event]:
    detector = detectors["next-tpc"]()
    events: list[Event] = []
    for is_bb, name in enumerate(("electron", "bb0nu")):
        counts = rng.integers(1, 50, 20)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        index = np.stack([rng.integers(0, n, offsets[-1]) for n in (40, 40, 80)], 1)
        centre = (index + 0.5) * (10, 10, 5) - 200
        energy = rng.integers(1, 50, offsets[-1]) / 64
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["x"], file["y"], file["z"] = centre.T.astype("f4")
            file["energy"], file["offsets"] = energy.astype("f4"), offsets
            file["is_bb"] = np.full(20, bool(is_bb))
            truth = {column: rng.random(20) for column in TRUTH}
            for column, values in truth.items():
                file[column] = values
        for i in range(20):
            track = np.zeros(detector.schema.images[0].dense_shape)
            mine = slice(offsets[i], offsets[i + 1])
            np.add.at(track[0], tuple(index[mine].T), energy[mine])
            events.append((name, {"track": track, **{column: values[i] for column, values in truth.items()}}))
    return events


WRITERS: dict[str, Callable[[Path, np.random.Generator], list[Event]]] = {
    "cms-ecal": cms_ecal,
    "cms-jets": cms_jets,
    "belle2-pxd": belle2_pxd,
    "belle2-pxd-clusters": belle2_pxd_clusters,
    "clic-lcd": clic_lcd,
    "lariat": lariat,
    "next-tpc": next_tpc,
}


def test_every_detector_of_ours_is_here() -> None:
    modules = {name: detectors[name].__module__ for name in detectors}
    ours = {n for n, m in modules.items() if m.startswith("pidcam.detectors") and not m.endswith(".toy")}
    assert set(WRITERS) == ours


def key(label: str, parts: dict[str, np.ndarray], detector: Detector) -> tuple[str, bytes]:
    schema = detector.schema
    names = [x.name for x in schema.images] + [x.name for x in (*schema.features, *schema.targets)]
    unknown = np.float32(np.nan)  # optional targets that the file does not tell
    return label, b"".join(np.asarray(parts.get(n, unknown), np.float32).tobytes() for n in names)


@pytest.mark.parametrize("name", WRITERS)
def test_official_files_become_a_store(name: str, tmp_path: Path) -> None:
    detector = detectors[name]()
    (tmp_path / "raw").mkdir()
    events = WRITERS[name](tmp_path / "raw", np.random.default_rng(7))
    files = sorted(p for p in (tmp_path / "raw").rglob("*") if p.is_file())
    options = PrepareOptions(split="0.5/0.5", keep_empty=True, keep_duplicates=True)
    store = prepare_store(detector, files, tmp_path / "store", options, workers=1)
    read = []
    for split in store.splits:
        arrays = store.to_numpy(split)
        for i, label in enumerate(arrays["label"]):
            read.append(key(detector.schema.class_names[label], {k: v[i] for k, v in arrays.items()}, detector))
    assert Counter(read) == Counter(key(label, parts, detector) for label, parts in events)
    assert store.schema == detector.schema


@pytest.mark.parametrize("name", WRITERS)
def test_what_pidcam_writes_is_the_official_layout(name: str, tmp_path: Path) -> None:
    """As simulators will: the same columns, and the same events when read again."""
    detector = detectors[name]()
    (tmp_path / "raw").mkdir()
    WRITERS[name](tmp_path / "raw", np.random.default_rng(7))
    for path in sorted(p for p in (tmp_path / "raw").rglob("*") if p.is_file()):
        new = tmp_path / "new" / path.relative_to(tmp_path / "raw")
        with open_reader(path, detector.layout, detector.schema) as reader:
            batch = reader.read(0, len(reader))
        with open_writer(new, detector.layout, detector.schema) as writer:
            writer.write(batch.take(np.arange(2)))
            writer.write(batch.take(np.arange(2, len(batch))))
        with open_reader(new, detector.layout, detector.schema) as reader:
            again = reader.read(0, len(reader))
        assert np.array_equal(again.label, batch.label)
        for kind in ("features", "targets"):
            for column, values in getattr(batch, kind).items():
                assert np.array_equal(getattr(again, kind)[column], values, equal_nan=True), column
        for image, values in batch.images.items():
            for part in ("values", "offsets", "place", "value"):
                assert np.array_equal(getattr(values, part, None), getattr(again.images[image], part, None))


@pytest.mark.parametrize("name", WRITERS)
def test_schema_and_layout_fit(name: str, tmp_path: Path) -> None:
    detector = detectors[name]()
    schema, layouts = detector.schema, [detector.layout, *detector.layout.variants.values()]
    assert schema.name == detector.name == name
    assert detector.title
    for layout in layouts:
        assert layout.format in formats
        assert layout.images.keys() | layout.hits.keys() == {image.name for image in schema.images}
        assert layout.features.keys() == {f.name for f in schema.features}
        assert layout.targets.keys() == {t.name for t in schema.targets}
        assert layout.label is not None
    said = [layout.label for layout in layouts if layout.label]
    known = {n for label in said for n in (*label.values.values(), *label.files.values())}
    assert known == set(schema.class_names), "every class can be found"


def test_predicted_raw_files_need_no_truth(tmp_path: Path) -> None:
    detector = detectors["clic-lcd"]()
    clic_lcd(tmp_path, np.random.default_rng(0))
    (path,) = (tmp_path / "Gamma").iterdir()
    moved = path.rename(tmp_path / "unknown.h5")
    with h5py.File(moved, "r+") as file:
        del file["target"]
    with open_reader(moved, detector.layout, detector.schema, truth=False) as reader:
        batch = reader.read(0, 9)
    assert set(batch.label) == {-1}
    assert np.isnan(batch.targets["energy"]).all()
    with pytest.raises(DataError, match="is of no known class: its path matches none of Ele"):
        open_reader(
            moved, detector.layout.model_copy(update={"targets": {"energy": "ECALMeasuredEnergy"}}), detector.schema
        )


def test_a_window_of_the_wrong_width(tmp_path: Path) -> None:
    """The published script read both kinds of files alike."""
    detector = detectors["belle2-pxd"]()
    belle2_pxd(tmp_path, np.random.default_rng(0))
    wrong = (tmp_path / "monopol_bg_9x9.txt").rename(tmp_path / "pions.txt")
    with pytest.raises(DataError, match="has 82 columns, expected 86"):
        open_reader(wrong, detector.layout, detector.schema)


def test_the_grid_of_next_is_centred() -> None:
    """20 cm from the origin to every side: Geant4 tracks at 15 bar keep 99 % of their energy within 10 cm."""
    (image,) = detectors["next-tpc"]().schema.images
    assert [low + n * pitch for low, n, pitch in zip(image.low, image.shape, image.pitch, strict=True)] == [200.0] * 3
