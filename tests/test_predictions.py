"""The predictions table: what is written is what is read, in memory, as Parquet, HDF5 and ROOT."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pidcam.deploy.tables import table_writer
from pidcam.errors import DataError, InputError
from pidcam.predictions import Predictions

CLASSES, FILES = ("photon", "charged pion"), ("one.h5", "two.h5")


def predictions(n: int, start: int = 0) -> Predictions:
    rng = np.random.default_rng(start)
    p = rng.random(n)
    return Predictions(
        classes=CLASSES,
        files=FILES,
        label=rng.integers(-1, 2, n),
        weight=rng.random(n).astype(np.float32),
        file=rng.integers(0, 2, n),
        row=np.arange(start, start + n),
        columns={"p_photon": 1 - p, "p_charged pion": p},
        spectators={"energy": rng.random(n).astype(np.float32)},
    )


def test_parquet_round_trip(tmp_path):
    before = predictions(100)
    before.save(tmp_path / "p.parquet")
    after = Predictions.load(tmp_path / "p.parquet")
    assert (after.classes, after.files) == (before.classes, before.files)
    for name in ("label", "weight", "file", "row", "probabilities"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    assert np.array_equal(after.spectators["energy"], before.spectators["energy"])


def test_names_keep_their_numbers(tmp_path):
    """Also where a split has no event of some file or class."""
    before = predictions(20)
    before = before.take((before.file == 1) & (before.label != 0))
    before.save(tmp_path / "p.parquet")
    after = Predictions.load(tmp_path / "p.parquet")
    assert after.files == FILES
    assert np.array_equal(after.file, before.file)
    assert np.array_equal(after.label, before.label)


def test_truth_is_readable_by_name(tmp_path):
    """Anybody's Parquet reader sees class and file names, and null where the truth is unknown."""
    p = predictions(50)
    p.save(tmp_path / "p.parquet")
    table = pq.read_table(tmp_path / "p.parquet")
    names = [CLASSES[i] if i >= 0 else None for i in p.label]
    assert table["label"].to_pylist() == names
    assert table["file"].to_pylist() == [FILES[i] for i in p.file]
    assert table.column_names == ["file", "row", "label", "weight", "p_photon", "p_charged pion", "energy"]


def test_parts_add_up_in_parquet(tmp_path):
    with table_writer(tmp_path / "p.parquet") as write:
        for start in (0, 10, 20):
            write(predictions(10, start))
    assert Predictions.load(tmp_path / "p.parquet").row.tolist() == list(range(30))


def test_parts_add_up_in_hdf5(tmp_path):
    with table_writer(tmp_path / "p.h5") as write:
        for start in (0, 10):
            write(predictions(10, start))
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["row"][:].tolist() == list(range(20))
        assert list(file["label"].attrs["classes"]) == list(CLASSES)
        assert file["p_charged pion"][:10] == pytest.approx(predictions(10).columns["p_charged pion"])


def test_parts_add_up_in_root(tmp_path):
    uproot = pytest.importorskip("uproot", reason="ROOT tables need the extra pidcam[root]")
    with table_writer(tmp_path / "p.root") as write:
        for start in (0, 10):
            write(predictions(10, start))
    with uproot.open(tmp_path / "p.root") as file:
        tree = file["predictions"]
        assert tree["row"].array(library="np").tolist() == list(range(20))
        # ROOT's formulas take no blanks in names
        assert tree["p_charged_pion"].array(library="np")[:10] == pytest.approx(
            predictions(10).columns["p_charged pion"]
        )
        assert file["classes"] == "photon\ncharged pion"


@pytest.mark.parametrize("suffix", [".parquet", ".h5"])
def test_nothing_is_left_of_a_table_that_failed(tmp_path, suffix):
    path = tmp_path / f"p{suffix}"
    with pytest.raises(RuntimeError, match="boom"), table_writer(path) as write:
        write(predictions(10))
        raise RuntimeError("boom")
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffix(tmp_path):
    with pytest.raises(InputError) as error:
        table_writer(tmp_path / "p.csv")
    assert str(error.value) == (
        f"{tmp_path / 'p.csv'}: '.csv' is no table format; use one of .parquet, .h5, .hdf5, .root"
    )


def test_other_files_are_told_apart(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no")
    for name, what in (
        ("other.parquet", "is a Parquet file but holds no predictions"),
        ("text.parquet", "is not a Parquet file"),
    ):
        with pytest.raises(DataError) as error:
            Predictions.load(tmp_path / name)
        assert str(error.value) == f"{tmp_path / name}: {what}"
    with pytest.raises(InputError, match="no such file"):
        Predictions.load(tmp_path / "none.parquet")
