"""HDF5 as anyone writes it: read back the same events, in any rows, whatever the chunks, types and compression."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError, InputError, MismatchError
from pidcam.events import Cells, Dense, EventBatch, Points
from pidcam.formats import reader
from pidcam.formats.layout import ImageSource, LabelSource, Layout, Reader, formats
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

ECAL = detectors["cms-ecal"]()
EXAMPLES = Path(__file__).parents[2] / "examples" / "data"

SCHEMA = EventSchema(
    name="toy",
    images=(
        Image(name="first", shape=(5, 4), channels=(Channel(name="e"), Channel(name="t"))),
        Image(name="second", shape=(3, 2, 2), channels=(Channel(name="q"), Channel(name="r"))),
        Image(name="third", shape=(6,), channels=(Channel(name="z"),)),
    ),
    features=(Column(name="pt", unit="GeV"),),
    targets=(Column(name="energy", unit="GeV"),),
    classes=(ParticleClass(name="pion"), ParticleClass(name="deuteron"), ParticleClass(name="kaon")),
)
LAYOUT = Layout(
    format="hdf5",
    images={
        "first": ImageSource(key="img/a", order="channel-last"),
        "second": ImageSource(key="img/b", order="channel-first"),
        "third": ImageSource(key="c", order="no-channel"),
    },
    features={"pt": "jet_pt"},
    targets={"energy": "truth/E"},
    label=LabelSource(key="pdg", values={211: "pion", -211: "pion", 1000010020: "deuteron", 321: "kaon"}),
)


def toy_events(n: int, seed: int) -> EventBatch:
    rng = np.random.default_rng(seed)
    return EventBatch(
        {i.name: Dense(rng.normal(size=(n, *i.dense_shape)).astype(np.float32)) for i in SCHEMA.images},
        {"pt": rng.normal(size=n)},
        {"energy": rng.normal(size=n)},
        rng.integers(0, 3, n).astype(np.int16),
        np.arange(n),
    )


def same(one: EventBatch, two: EventBatch) -> bool:
    images = [np.array_equal(one.images[k].values, two.images[k].values) for k in one.images]  # type: ignore[union-attr]
    columns = [
        np.array_equal(a[k], b[k], equal_nan=True)
        for a, b in ((one.features, two.features), (one.targets, two.targets))
        for k in a
    ]
    return all(images + columns) and np.array_equal(one.label, two.label) and np.array_equal(one.row, two.row)


@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(sum),
    cuts=st.lists(st.tuples(st.integers(0, 160), st.integers(0, 160)), max_size=5),
    seed=st.integers(0, 99),
)
@settings(max_examples=25)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], cuts: list[tuple[int, int]], seed: int
) -> None:
    path = tmp_path_factory.mktemp("hdf5") / "toy.hdf5"
    batches = [toy_events(n, seed + i) for i, n in enumerate(sizes)]
    with formats["hdf5"].writer(path, LAYOUT, SCHEMA) as writer:
        for batch in batches:
            writer.write(batch)
    whole = EventBatch.concat(batches)
    total = sum(sizes)
    whole.row[:] = np.arange(total)
    with formats["hdf5"].reader(path, LAYOUT, SCHEMA) as reader:
        assert len(reader) == total
        assert 1 <= reader.step <= total
        for one, two in [(0, total), *cuts]:
            start, stop = sorted((min(one, total), min(two, total)))
            assert same(reader.read(start, stop), whole.take(np.arange(start, stop)))


N = 230


def official(path: Path, *, float_type: str = "f4", chunks: object = (100, 32, 32, 2), compression: str | None = "gzip",
             label: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """A file of 230 events as h5py users write it; returns images (n, 2, 32, 32) float32 and labels."""
    rng = np.random.default_rng(3)
    values = np.where(rng.random((N, 32, 32, 2)) < 0.05, rng.random((N, 32, 32, 2)), 0)
    values = (values * 250).astype(float_type)
    y = rng.integers(0, 2, N) if label is None else label
    with h5py.File(path, "w") as file:
        if chunks == "whole":
            chunks = values.shape
        compressed = {} if chunks is None else {"compression": compression}
        file.create_dataset("X", data=values, chunks=chunks, **compressed)
        file["y"] = y
    return np.moveaxis(values, -1, 1).astype(np.float32), np.asarray(y).reshape(-1)


@pytest.mark.parametrize("compression", ["gzip", "lzf", None])
@pytest.mark.parametrize(
    "chunks", [(1, 32, 32, 2), (7, 32, 32, 2), (100, 32, 32, 2), (3, 8, 32, 1), "whole", None], ids=str
)
def test_any_chunks_and_compression(tmp_path: Path, chunks: object, compression: str | None) -> None:
    images, label = official(tmp_path / "a.h5", chunks=chunks, compression=compression)
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        for start, stop in ((0, N), (0, 0), (95, 205), (229, 230), (10, 20)):
            batch = reader.read(start, stop)
            values = batch.images["ecal"].values  # type: ignore[union-attr]
            assert values.dtype == np.float32
            assert np.array_equal(values, images[start:stop])
            assert np.array_equal(batch.label, label[start:stop])
            assert np.array_equal(batch.row, np.arange(start, stop))


@pytest.mark.parametrize("float_type", ["<f4", ">f4", "<f8", "<f2", "u1", "<i4", "<u8"])
def test_any_number_type(tmp_path: Path, float_type: str) -> None:
    images, _ = official(tmp_path / "a.h5", float_type=float_type)
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        values = reader.read(0, N).images["ecal"].values  # type: ignore[union-attr]
    assert values.dtype == np.dtype("=f4")
    assert np.array_equal(values, images)


@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u1", "?"])
@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 1, 1)], ids=str)
def test_any_label_type(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    label = (np.arange(N) % 3 == 0).astype(kind).reshape(shape)
    official(tmp_path / "a.h5", label=label)
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        batch = reader.read(5, N)
    assert batch.label.dtype == np.int16
    assert np.array_equal(batch.label, label.reshape(-1)[5:])


def test_written_block_by_block_in_any_order(tmp_path: Path) -> None:
    """As dask stores an array: space first, then blocks as they come, of a size that is not the chunks'."""
    images, label = official(tmp_path / "whole.h5")
    with h5py.File(tmp_path / "blocks.h5", "w", libver="latest") as file:
        x = file.create_dataset("X", (N, 32, 32, 2), "f4", chunks=(64, 16, 32, 2), compression="lzf", shuffle=True)
        y = file.create_dataset("y", (N,), "f4", chunks=(50,), fillvalue=9)
        for start in np.random.default_rng(0).permutation(np.arange(0, N, 33)):
            block = slice(start, min(start + 33, N))
            x[block] = np.moveaxis(images[block], 1, -1)
            y[block] = label[block]
    with formats["hdf5"].reader(tmp_path / "blocks.h5", ECAL.layout, ECAL.schema) as reader:
        batch = reader.read(0, N)
    assert np.array_equal(batch.images["ecal"].values, images)  # type: ignore[union-attr]
    assert np.array_equal(batch.label, label)


def test_written_by_dask(tmp_path: Path) -> None:
    """`da.to_hdf5` of arrays in blocks of another size than the chunks, which it takes from the first block."""
    da = pytest.importorskip("dask.array")
    images, label = official(tmp_path / "whole.h5")
    x = da.from_array(np.moveaxis(images, 1, -1), chunks=(33, 32, 32, 2))
    y = da.from_array(label.astype("f4"), chunks=70)
    for name, how in {"a": {}, "b": {"compression": "gzip", "shuffle": True}, "c": {"chunks": None}}.items():
        da.to_hdf5(tmp_path / f"{name}.h5", {"/X": x, "/y": y}, **how)
        with formats["hdf5"].reader(tmp_path / f"{name}.h5", ECAL.layout, ECAL.schema) as reader:
            parts = [reader.read(start, min(start + 47, N)) for start in range(0, N, 47)]
        batch = EventBatch.concat(parts)
        assert np.array_equal(batch.images["ecal"].values, images)  # type: ignore[union-attr]
        assert np.array_equal(batch.label, label)


def test_a_double_beyond_single_precision_becomes_infinite_without_a_word(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["X"] = np.full((2, 32, 32, 2), 1e300)
        file["y"] = [0, 1]
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        assert np.isinf(reader.read(0, 2).images["ecal"].values).all()  # type: ignore[union-attr]


def test_step_is_whole_chunks_of_at_most_64_mb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(chunks: object) -> int:
        official(tmp_path / "a.h5", chunks=chunks)
        return formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema).step

    assert step((7, 32, 32, 2)) == N, "a small file is read at once"
    monkeypatch.setattr(reader, "READ_BYTES", 32 * (8192 + 8 + reader.AROUND))
    assert step((7, 32, 32, 2)) == 28
    assert step((1, 32, 32, 2)) == 32
    assert step(None) == 32
    assert step((100, 32, 32, 2)) == 100, "one chunk at least"
    assert step("whole") == N


@pytest.mark.parametrize("chunks", [(100, 32, 32, 2), (100, 16, 4, 1)], ids=str)
def test_no_chunk_is_inflated_twice(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    """Once a read has begun in a chunk, the rest of it comes from memory: the file may lose its bytes."""
    path = tmp_path / "a.h5"
    images, _ = official(path, chunks=chunks)
    with h5py.File(path) as file:
        stored = [file["X"].id.get_chunk_info(i) for i in range(file["X"].id.get_num_chunks())]
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader:
        reader.read(0, 150)
        with open(path, "r+b") as raw:
            for chunk in stored:
                if chunk.chunk_offset[0] == 100:
                    raw.seek(chunk.byte_offset)
                    raw.write(bytes(chunk.size))
        for start in range(150, 200, 10):
            values = reader.read(start, start + 10).images["ecal"].values  # type: ignore[union-attr]
            assert np.array_equal(values, images[start : start + 10])
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader, pytest.raises(InputError, match="damaged"):
        reader.read(150, 160)


def _sum(reader: Reader) -> float:
    return float(reader.read(0, len(reader)).images["ecal"].values.sum())  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_reader_goes_to_other_processes(tmp_path: Path, method: str) -> None:
    official(tmp_path / "a.h5")
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        here = reader.read(0, N).images["ecal"].values.sum()  # type: ignore[union-attr]
        if method == "spawn":
            assert _sum(pickle.loads(pickle.dumps(reader))) == here
            return
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("no fork here")
        child = os.fork()
        if child == 0:
            os._exit(0 if _sum(reader) == here else 1)  # type: ignore[arg-type]
        assert os.waitpid(child, 0)[1] == 0


def test_rows_outside_the_file(tmp_path: Path) -> None:
    official(tmp_path / "a.h5")
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema) as reader:
        for start, stop in ((-1, 3), (3, 2), (0, N + 1)):
            with pytest.raises(IndexError):
                reader.read(start, stop)


def test_without_truth(tmp_path: Path) -> None:
    """Label and targets are taken where they are, and unknown where they are not; features are needed."""
    with formats["hdf5"].writer(tmp_path / "a.h5", LAYOUT, SCHEMA) as writer:
        writer.write(toy_events(5, 0))
    with formats["hdf5"].reader(tmp_path / "a.h5", LAYOUT, SCHEMA, truth=False) as reader:
        assert same(reader.read(0, 5), toy_events(5, 0))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["pdg"], file["truth"]
    with formats["hdf5"].reader(tmp_path / "a.h5", LAYOUT, SCHEMA, truth=False) as reader:
        batch = reader.read(0, 5)
    assert batch.label.tolist() == [-1] * 5
    assert list(batch.targets) == ["energy"]
    assert np.isnan(batch.targets["energy"]).all()
    assert np.array_equal(batch.features["pt"], toy_events(5, 0).features["pt"])


def test_without_truth_an_unknown_label_is_no_error(tmp_path: Path) -> None:
    official(tmp_path / "a.h5", label=np.array([0, 1, 2, -1, 0.5, np.nan] + [0] * (N - 6)))
    with formats["hdf5"].reader(tmp_path / "a.h5", ECAL.layout, ECAL.schema, truth=False) as reader:
        batch = reader.read(0, 7)
    assert batch.label.dtype == np.int16
    assert batch.label.tolist() == [0, 1, -1, -1, -1, -1, 0]


def test_a_layout_without_label(tmp_path: Path) -> None:
    official(tmp_path / "a.h5")
    layout = ECAL.layout.model_copy(update={"label": None})
    with formats["hdf5"].reader(tmp_path / "a.h5", layout, ECAL.schema) as reader:
        assert reader.read(0, 3).label.tolist() == [-1] * 3


@pytest.mark.parametrize(("name", "label"), [("Electron", 1), ("Photon", 0)])
def test_the_geant4_sample(name: str, label: int) -> None:
    path = next(EXAMPLES.glob(f"Single{name}*.hdf5"))
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader:
        batch = reader.read(0, len(reader))
    assert len(batch) == 3740
    assert set(batch.label.tolist()) == {label}
    assert ECAL.schema.class_names[label] == name.lower()
    energy = batch.images["ecal"].values[:, 0]  # type: ignore[union-attr]
    # in units of 50 GeV: pT of 50 GeV at the sample's four eta, of which the crop holds nearly all
    eta, events = np.array([0.15, 0.45, 0.75, 1.05]), np.array([1200, 970, 790, 780])
    expected = np.average(np.cosh(eta), weights=events)
    assert 0.97 * expected < energy.sum(axis=(1, 2)).mean() < expected
    highest = energy.reshape(len(batch), -1).argmax(axis=1)
    assert (highest == 16 * 32 + 16).mean() > 0.95


def test_the_writer_writes_the_official_layout(tmp_path: Path) -> None:
    path = next(EXAMPLES.glob("SingleElectron*.hdf5"))
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader:
        batch = reader.read(0, 300)
    with formats["hdf5"].writer(tmp_path / "new" / "b.hdf5", ECAL.layout, ECAL.schema) as writer:
        writer.write(batch)
    with h5py.File(path) as old, h5py.File(tmp_path / "new" / "b.hdf5") as new:
        assert set(new) - {"pt", "eta", "charge"} == set(old)
        for key in old:
            assert new[key].dtype == old[key].dtype
            assert np.array_equal(new[key][:], old[key][:300])
        assert new["X"].compression == "gzip"
        assert new["X"].size * 4 > new["X"].id.get_storage_size() * 5, "a shower image is mostly empty"


def test_the_writer_takes_cells(tmp_path: Path) -> None:
    path = next(EXAMPLES.glob("SinglePhoton*.hdf5"))
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader:
        batch = reader.read(0, 50)
    cells = EventBatch({"ecal": Cells.from_dense(batch.images["ecal"])}, {}, {}, batch.label, batch.row)  # type: ignore[arg-type]
    with formats["hdf5"].writer(tmp_path / "b.hdf5", ECAL.layout, ECAL.schema) as writer:
        writer.write(cells)
    with formats["hdf5"].reader(tmp_path / "b.hdf5", ECAL.layout, ECAL.schema) as reader:
        assert same(reader.read(0, 50), batch)


LARGE = EventSchema(name="wires", images=(Image(name="plane", shape=(3, 400), channels=(Channel(name="adc"),) * 2),))
WHOLE = Layout(format="hdf5", images={"plane": ImageSource(key="x", order="channel-first", dtype="int16")})


def test_large_sparse_images_are_cut_and_their_empty_parts_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pidcam.formats.hdf5_writer.CHUNK_BYTES", 2000)
    monkeypatch.setattr("pidcam.formats.hdf5_writer.PIECE_BYTES", 1200)
    monkeypatch.setattr("pidcam.formats.hdf5_chunks.SMALL", 0)
    rng = np.random.default_rng(5)
    values = np.zeros((7, 2, 3, 400), np.float32)
    values[..., :150] = rng.integers(-300, 300, (7, 2, 3, 150)) * (rng.random((7, 2, 3, 150)) < 0.1)
    values[3] = 0
    batch = EventBatch({"plane": Cells.from_dense(Dense(values))}, {}, {}, np.full(7, -1, np.int16), np.arange(7))
    with formats["hdf5"].writer(tmp_path / "x.h5", WHOLE, LARGE) as writer:
        writer.write(batch.take(np.arange(4)))
        writer.write(batch.take(np.arange(4, 7)))
    with h5py.File(tmp_path / "x.h5") as file:
        assert file["x"].dtype == np.int16
        assert file["x"].chunks == (1, 2, 3, 100)
        assert file["x"].id.get_num_chunks() == 6 * 2
        assert (file["x"][:] == values).all()
    with formats["hdf5"].reader(tmp_path / "x.h5", WHOLE, LARGE, truth=False) as found:
        assert (found.read(2, 6).images["plane"].values == values[2:6]).all()


@pytest.mark.parametrize("wrong", [0.5, 40000.0])
def test_whole_numbers_alone_are_written_as_such(tmp_path: Path, wrong: float) -> None:
    values = np.full((1, 2, 3, 400), wrong, np.float32)
    batch = EventBatch({"plane": Dense(values)}, {}, {}, np.full(1, -1, np.int16), np.arange(1))
    with (
        pytest.raises(MismatchError, match="'plane' is written as int16, which cannot hold its values"),
        formats["hdf5"].writer(tmp_path / "x.h5", WHOLE, LARGE) as writer,
    ):
        writer.write(batch)


def test_an_event_of_unknown_class_cannot_be_written(tmp_path: Path) -> None:
    events = toy_events(4, 0)
    events.label[2] = -1
    with (
        pytest.raises(ConfigError) as caught,
        formats["hdf5"].writer(tmp_path / "a.h5", LAYOUT, SCHEMA) as writer,
    ):
        writer.write(events)
    assert str(caught.value) == "layout of 'toy': gives the label 'pdg' no value for an event of unknown class"
    assert not list(tmp_path.iterdir())


def test_batches_of_another_shape_cannot_be_written(tmp_path: Path) -> None:
    events = toy_events(4, 0)
    image = events.images["first"]
    points = Points(np.zeros(5, np.int64), np.zeros((0, 2)), np.zeros((0, 2)))
    for wrong, message in (
        (Dense(image.values[:, :1]), "image 'first' has shape (1, 5, 4), expected (2, 5, 4)"),  # type: ignore[union-attr]
        (points, "image 'first' is given as points, its layout asks for a dense image"),
    ):
        events.images["first"] = wrong
        with (
            pytest.raises(MismatchError) as caught,
            formats["hdf5"].writer(tmp_path / "a.h5", LAYOUT, SCHEMA) as writer,
        ):
            writer.write(events)
        assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


def test_the_writer_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"

    def stopped() -> None:
        with formats["hdf5"].writer(path, LAYOUT, SCHEMA) as writer:
            writer.write(toy_events(4, 0))
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises(InputError) as caught, formats["hdf5"].writer(path, LAYOUT, SCHEMA):
        pass
    assert str(caught.value) == f"{path}: no events were written; ask for at least one"
    assert not list(tmp_path.iterdir())
