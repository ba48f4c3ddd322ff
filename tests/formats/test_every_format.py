"""The same events in every format, written by the formats' own libraries: read back the same, in any rows."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from pidcam.detectors.base import Detector
from pidcam.errors import InputError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.formats.layout import (
    HitRows,
    HitsSource,
    ImageSource,
    LabelSource,
    Layout,
    TextOptions,
    formats,
    open_reader,
    open_writer,
)
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store

N = 60
SCHEMA = EventSchema(
    name="toy",
    images=(
        Image(name="calo", shape=(4, 6), channels=(Channel(name="energy"), Channel(name="time"))),
        Image(name="tracker", shape=(5, 3), channels=(Channel(name="charge"),)),
    ),
    features=(Column(name="pt"), Column(name="eta")),
    targets=(Column(name="energy"),),
    classes=(ParticleClass(name="pion", pdg=(211, -211)), ParticleClass(name="kaon", pdg=(321, -321))),
)


class Events:
    """Events with whole numbers in float32, so that every format can hold them exactly."""

    def __init__(self, n: int = N, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.calo = np.where(rng.random((n, 2, 4, 6)) < 0.2, rng.integers(-50, 99, (n, 2, 4, 6)), 0).astype("f4")
        self.tracker = np.where(rng.random((n, 1, 5, 3)) < 0.3, rng.integers(1, 99, (n, 1, 5, 3)), 0).astype("f4")
        self.calo[3], self.tracker[3] = 0, 0  # an empty event
        self.pt, self.eta, self.energy = rng.integers(0, 1 << 20, (3, n)) / 8
        self.pdg = rng.choice([211, -211, 321, -321], n)

    def batch(self) -> EventBatch:
        images = {"calo": Dense(self.calo), "tracker": Dense(self.tracker)}
        label = (np.abs(self.pdg) == 321).astype(np.int16)
        return EventBatch(
            images, {"pt": self.pt, "eta": self.eta}, {"energy": self.energy}, label, np.arange(len(self.pt))
        )

    def scalars(self) -> dict[str, np.ndarray]:
        return {"pt": self.pt, "eta": self.eta, "truth": np.stack([0 * self.energy, self.energy], 1), "pdg": self.pdg}

    def hits(self, values: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
        """offsets, row and column of every hit in no order, values (hits, channels)."""
        event, row, column = np.nonzero((values != 0).any(1))
        order = np.lexsort((np.random.default_rng(1).random(len(event)), event))
        event, row, column = event[order], row[order], column[order]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=len(values)))])
        return offsets, [row, column], values[event, :, row, column]


SCALARS: dict[str, object] = {
    "features": {"pt": "pt", "eta": "eta"},
    "targets": {"energy": "truth[1]"},
    "label": LabelSource(key="pdg", pdg=True),
}
DENSE = {
    "calo": ImageSource(key="calo", order="channel-last"),
    "tracker": ImageSource(key="tracker", order="no-channel"),
}


def dense(e: Events) -> dict[str, np.ndarray]:
    return {"calo": np.moveaxis(e.calo, 1, -1), "tracker": e.tracker[:, 0], **e.scalars()}


def flat_hits(e: Events) -> dict[str, np.ndarray]:
    """calo by coordinates, tracker by cell number, both end to end with offsets."""
    o1, (row, column), energy = e.hits(e.calo)
    o2, (r, c), charge = e.hits(e.tracker)
    return {
        "o1": o1, "row": row, "column": column, "e": energy[:, 0], "t": energy[:, 1],
        "o2": o2, "cell": r * 3 + c, "q": charge[:, 0], **e.scalars(),
    }  # fmt: skip


FLAT = {
    "calo": HitsSource(coordinates=("row", "column"), values=("e", "t"), offsets="o1"),
    "tracker": HitsSource(cell="cell", values=("q",), offsets="o2"),
}
LISTS = {
    "calo": HitsSource(coordinates=("row", "column"), values=("e", "t")),
    "tracker": HitsSource(cell="cell", values=("q",)),
}


def lists(e: Events) -> dict[str, object]:
    """Every hit column as one list per event."""
    flat = flat_hits(e)
    of = {"o1": ("row", "column", "e", "t"), "o2": ("cell", "q")}
    return {
        **e.scalars(),
        **{name: np.split(flat[name], flat[o][1:-1]) for o, names in of.items() for name in names},
    }


def write_hdf5(path: Path, columns: dict[str, object]) -> None:
    with h5py.File(path, "w") as file:
        for key, values in columns.items():
            if isinstance(values, list):
                data = file.create_dataset(key, (len(values),), h5py.vlen_dtype(values[0].dtype))
                for i, row in enumerate(values):
                    data[i] = row
            else:
                file[key] = values


def write_parquet(path: Path, columns: dict[str, object]) -> None:
    table = {k: [row.tolist() for row in rows] for k, rows in columns.items()}  # type: ignore[attr-defined]
    pq.write_table(pa.table(table), path, row_group_size=7)


def write_npz(path: Path, columns: dict[str, object]) -> None:
    np.savez_compressed(path, **columns)


def write_ttree(path: Path, columns: dict[str, object]) -> None:
    arrays = {k: ak.Array(v) if isinstance(v, list) else v for k, v in columns.items()}
    types = {
        k: f"var * {v[0].dtype}" if isinstance(v, list) else np.dtype((v.dtype, v.shape[1:]))
        for k, v in columns.items()
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("events", types)
        for part in (slice(0, 25), slice(25, None)):
            tree.extend({k: v[part] for k, v in arrays.items()})


def write_rntuple(path: Path, columns: dict[str, object]) -> None:
    arrays = {k: ak.Array(v) if isinstance(v, list) else v for k, v in columns.items()}
    with uproot.recreate(path) as file:
        file.mkrntuple("events", arrays)


TEXT = Layout(
    format="text",
    text=TextOptions(columns=2 + 48 + 15 + 2),
    images={
        "calo": ImageSource(key="2:50", order="channel-last"),
        "tracker": ImageSource(key="50:65", order="no-channel"),
    },
    features={"pt": "0", "eta": "1"},
    targets={"energy": "65"},
    label=LabelSource(key="66", pdg=True),
)


def write_text(path: Path, e: Events) -> None:
    parts = [e.pt, e.eta, np.moveaxis(e.calo, 1, -1), e.tracker, e.energy, e.pdg]
    np.savetxt(path, np.concatenate([p.reshape(len(e.pt), -1) for p in parts], axis=1), "%.12g")


def write_csv(path: Path, e: Events) -> None:
    """A table with one hit per row, of the calorimeter alone."""
    offsets, (row, column), energy = e.hits(e.calo)
    event = np.repeat(np.arange(len(e.pt)), np.diff(offsets))
    columns = [event + 1000, row, column, energy[:, 0], energy[:, 1], e.pt[event], e.pdg[event]]
    names = "event,row,column,e,t,pt,pdg"
    np.savetxt(path, np.stack(columns, 1), "%.12g", delimiter=",", header=names, comments="")


CASES: dict[str, tuple[str, Layout, Callable[[Path, Events], None]]] = {
    "hdf5 dense": ("a.h5", Layout(format="hdf5", images=DENSE, **SCALARS), lambda p, e: write_hdf5(p, dense(e))),
    "hdf5 offsets": ("a.h5", Layout(format="hdf5", hits=FLAT, **SCALARS), lambda p, e: write_hdf5(p, flat_hits(e))),
    "hdf5 lists": ("a.h5", Layout(format="hdf5", hits=LISTS, **SCALARS), lambda p, e: write_hdf5(p, lists(e))),
    "npz dense": ("a.npz", Layout(format="npz", images=DENSE, **SCALARS), lambda p, e: write_npz(p, dense(e))),
    "npz offsets": ("a.npz", Layout(format="npz", hits=FLAT, **SCALARS), lambda p, e: write_npz(p, flat_hits(e))),
    "npz fortran": (
        "a.npz", Layout(format="npz", images=DENSE, **SCALARS),
        lambda p, e: write_npz(p, {k: np.asfortranarray(v) for k, v in dense(e).items()}),
    ),
    "npz stored fortran": (
        "a.npz", Layout(format="npz", images=DENSE, **SCALARS),
        lambda p, e: np.savez(p, **{k: np.asfortranarray(v) for k, v in dense(e).items()}),
    ),
    "npz stored": ("a.npz", Layout(format="npz", images=DENSE, **SCALARS), lambda p, e: np.savez(p, **dense(e))),
    "parquet dense": (
        "a.parquet", Layout(format="parquet", images=DENSE, **SCALARS), lambda p, e: write_parquet(p, dense(e))
    ),
    "parquet lists": (
        "a.parquet", Layout(format="parquet", hits=LISTS, **SCALARS), lambda p, e: write_parquet(p, lists(e))
    ),
    "ttree dense": ("a.root", Layout(format="root", images=DENSE, **SCALARS), lambda p, e: write_ttree(p, dense(e))),
    "ttree lists": ("a.root", Layout(format="root", hits=LISTS, **SCALARS), lambda p, e: write_ttree(p, lists(e))),
    "rntuple dense": (
        "a.root", Layout(format="root", images=DENSE, **SCALARS), lambda p, e: write_rntuple(p, dense(e))
    ),
    "rntuple lists": (
        "a.root", Layout(format="root", hits=LISTS, **SCALARS), lambda p, e: write_rntuple(p, lists(e))
    ),
    "text": ("a.txt", TEXT, write_text),
}  # fmt: skip


def dense_values(batch: EventBatch) -> dict[str, np.ndarray]:
    images = {
        n: (v.to_dense(SCHEMA.image(n)) if isinstance(v, Cells) else v).values  # type: ignore[union-attr]
        for n, v in batch.images.items()
    }
    return {**images, **batch.features, **batch.targets, "label": batch.label, "row": batch.row}


def same(one: EventBatch, two: EventBatch) -> bool:
    a, b = dense_values(one), dense_values(two)
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("case", CASES)
def test_read_as_written(case: str, tmp_path: Path) -> None:
    name, layout, write = CASES[case]
    write(tmp_path / name, Events())
    whole = Events().batch()
    with open_reader(tmp_path / name, layout, SCHEMA) as reader:
        assert len(reader) == N
        assert 1 <= reader.step <= N
        for start, stop in ((0, N), (0, 0), (3, 4), (20, 40), (40, 41), (10, 30), (N, N)):
            batch = reader.read(start, stop)
            assert same(batch, whole.take(np.arange(start, stop))), (start, stop)
            assert batch.label.dtype == np.int16
            for image in batch.images.values():
                if isinstance(image, Cells):
                    assert image.place.dtype == np.uint16
                    assert all((np.diff(p.astype(int)) > 0).all() for p in np.split(image.place, image.offsets[1:-1]))
        assert same(pickle.loads(pickle.dumps(reader)).read(5, 9), whole.take(np.arange(5, 9)))
        for start, stop in ((-1, 3), (3, 2), (0, N + 1)):
            with pytest.raises(IndexError):
                reader.read(start, stop)


@pytest.mark.parametrize("case", CASES)
def test_a_label_that_nobody_asked_for_may_be_missing(case: str, tmp_path: Path) -> None:
    name, layout, write = CASES[case]
    write(tmp_path / name, Events())
    layout = layout.model_copy(
        update={"label": LabelSource(key="absent", pdg=True), "targets": {"energy": ("nowhere", "nowhere[1]")}}
    )
    with open_reader(tmp_path / name, layout, SCHEMA, truth=False) as reader:
        batch = reader.read(0, 5)
    assert batch.label.tolist() == [-1] * 5
    assert np.isnan(batch.targets["energy"]).all()
    with pytest.raises(InputError, match=r"'nowhere' or 'nowhere\[1\]' for target 'energy'"):
        open_reader(tmp_path / name, layout, SCHEMA)


@pytest.mark.parametrize("case", ["hdf5 offsets", "npz dense", "parquet lists", "rntuple lists", "text"])
def test_prepared_and_read_again_the_events_are_the_same(case: str, tmp_path: Path) -> None:
    name, layout, write = CASES[case]
    files = []
    for number in range(2):
        files.append(tmp_path / f"{number}-{name}")
        write(files[-1], Events(seed=number))
    detector = Detector("toy", "toy", SCHEMA, layout)
    store = prepare_store(detector, files, tmp_path / "store", PrepareOptions(keep_empty=True), workers=1)

    def events(arrays: dict[str, np.ndarray]) -> list[bytes]:
        keys = ("calo", "tracker", "pt", "eta", "energy", "label", "row")
        return [b"".join(np.float32(arrays[k][i]).tobytes() for k in keys) for i in range(len(arrays["row"]))]

    read = [e for split in store.splits for e in events(store.to_numpy(split))]
    written = [e for number in range(2) for e in events(dense_values(Events(seed=number).batch()))]
    assert Counter(read) == Counter(written)


def test_a_table_of_hits(tmp_path: Path) -> None:
    """Events without a hit have no row in it."""
    schema = SCHEMA.model_copy(update={"images": SCHEMA.images[:1], "features": SCHEMA.features[:1], "targets": ()})
    layout = Layout(
        format="text",
        text=TextOptions(delimiter=",", header=True),
        rows=HitRows(event="event"),
        hits={"calo": LISTS["calo"]},
        features={"pt": "pt"},
        label=LabelSource(key="pdg", pdg=True),
    )
    write_csv(tmp_path / "a.csv", Events())
    full = np.delete(np.arange(N), 3)
    whole = Events()
    with open_reader(tmp_path / "a.csv", layout, schema) as reader:
        assert len(reader) == N - 1
        for start, stop in ((0, N - 1), (7, 12), (0, 1)):
            batch = reader.read(start, stop)
            assert np.array_equal(batch.images["calo"].to_dense(schema.images[0]).values, whole.calo[full[start:stop]])  # type: ignore[union-attr]
            assert np.array_equal(batch.features["pt"], whole.pt[full[start:stop]])
            assert np.array_equal(batch.label, whole.batch().label[full[start:stop]])


WRITTEN = {
    "hdf5 dense": CASES["hdf5 dense"][:2],
    "hdf5 offsets": CASES["hdf5 offsets"][:2],
    "parquet dense": CASES["parquet dense"][:2],
    "parquet lists": CASES["parquet lists"][:2],
    "text": CASES["text"][:2],
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_pidcam_writes_it_reads(case: str, tmp_path: Path) -> None:
    name, layout = WRITTEN[case]
    whole = Events().batch()
    with open_writer(tmp_path / "new" / name, layout, SCHEMA) as writer:
        writer.write(whole.take(np.arange(0, 20)))
        writer.write(whole.take(np.arange(20, N)))
    with open_reader(tmp_path / "new" / name, layout, SCHEMA) as reader:
        assert len(reader) == N
        assert same(reader.read(0, N), whole)


@pytest.mark.parametrize("case", WRITTEN)
def test_nothing_half_written_is_left(case: str, tmp_path: Path) -> None:
    name, layout = WRITTEN[case]

    def stopped() -> None:
        with open_writer(tmp_path / name, layout, SCHEMA) as writer:
            writer.write(Events().batch())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises(InputError) as caught, open_writer(tmp_path / name, layout, SCHEMA):
        pass
    assert str(caught.value) == f"{tmp_path / name}: no events were written; ask for at least one"
    assert not list(tmp_path.iterdir())


def test_formats_that_are_only_read(tmp_path: Path) -> None:
    layout = Layout(format="root", images=DENSE)
    with pytest.raises(InputError) as caught:
        open_writer(tmp_path / "a.root", layout, SCHEMA)
    assert str(caught.value) == "format 'root' is read, not written; written are hdf5, parquet, text"


def test_every_format_is_tried_here() -> None:
    assert {layout.format for _, layout, _ in CASES.values()} | {"pictures"} == set(formats)
