"""Bad Parquet, text, NPZ, ROOT and picture files: one exact line each, with file, key and event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from PIL import Image as Picture

from pidcam.errors import ConfigError, DataError, InputError, PidcamError, UnknownNameError
from pidcam.formats.columns import MissingColumnError
from pidcam.formats.layout import HitRows, HitsSource, ImageSource, LabelSource, Layout, TextOptions, open_reader
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

SCHEMA = EventSchema(
    name="toy",
    images=(Image(name="jet", shape=(2, 3), channels=(Channel(name="e"),)),),
    features=(Column(name="pt"),),
    classes=(ParticleClass(name="quark"), ParticleClass(name="gluon")),
)
CHECK = "check that it is a file of 'toy'"
RIGHT = "check that it is the right file, or fetch it again"
AGAIN = "fetch or write it again"
X, PT, Y = np.ones((5, 2, 3), np.float32), np.arange(5.0), np.array([0, 1, 0, 1, 0])
LABEL = LabelSource(key="y", values={0: "quark", 1: "gluon"})


def layout(kind: str, **change: object) -> Layout:
    whole: dict[str, object] = {
        "images": {"jet": ImageSource(key="X", order="no-channel")},
        "features": {"pt": "pt"},
        "label": LABEL,
    }
    return Layout(format=kind, **(whole | change))


def line(path: Path, how: Layout, kind: type[PidcamError] = DataError, schema: EventSchema = SCHEMA) -> str:
    """What is raised when the file is opened and read whole, without the path in front."""

    def read() -> None:
        with open_reader(path, how, schema) as reader:
            reader.read(0, len(reader))

    with pytest.raises(kind) as caught:
        read()
    assert type(caught.value) in (kind, MissingColumnError)
    text = str(caught.value)
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table({"X": X.tolist(), "pt": PT, "y": Y} | columns), path)
    return path


def npz(path: Path, **arrays: object) -> Path:
    np.savez_compressed(path, **({"X": X, "pt": PT, "y": Y} | arrays))
    return path


def root(path: Path, **branches: object) -> Path:
    with uproot.recreate(path) as file:
        file.mkrntuple("events", {"X": X, "pt": PT, "y": Y} | branches)
    return path


WRITERS: dict[str, Callable[..., Path]] = {"parquet": parquet, "npz": npz, "root": root}
NOUNS = {"parquet": "column", "npz": "array", "root": "branch"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bad.npz"


@pytest.mark.parametrize("kind", ["parquet", "npz", "root", "text", "pictures"])
def test_missing_empty_or_a_web_page(kind: str, path: Path) -> None:
    assert line(path, layout(kind), InputError) == "no such file; check the path"
    path.touch()
    assert line(path, layout(kind)) == f"is empty (0 bytes); {AGAIN}"
    path.write_text("<!DOCTYPE html><html>")
    page = "is a web page (HTML), not data; the download ended at a login or error page: fetch it again"
    assert line(path, layout(kind)) == page


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("parquet", f"is not a Parquet file; {RIGHT}"),
        ("npz", f"is not an NPZ or NPY file; {RIGHT}"),
        ("root", f"is not a ROOT file; {RIGHT}"),
        ("pictures", "is no picture that can be read; check that it is the right file, or convert it"),
        ("text", f"is no text file (it holds zero bytes); {AGAIN}"),
    ],
)
def test_another_format(kind: str, message: str, path: Path) -> None:
    path.write_bytes(b"\x7fELF" + bytes(500))
    assert line(path, layout(kind)) == message
    if kind != "pictures":
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
        expected = {"parquet": "a Parquet", "npz": "an NPZ or NPY", "root": "a ROOT", "text": "a text"}[kind]
        assert line(path, layout(kind)) == f"is not {expected} file but an HDF5 file; {RIGHT}"


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("part", [0.97, 0.5, 0.1])
def test_truncated(kind: str, part: float, path: Path) -> None:
    WRITERS[kind](path, X=np.random.default_rng(0).random((5, 2, 3)).tolist() if kind == "parquet" else X)
    with open(path, "r+b") as file:
        file.truncate(int(part * path.stat().st_size))
    message = line(path, layout(kind))
    assert "damaged" in message or "cannot be read in events" in message
    assert message.endswith(f"; {AGAIN}")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_missing_key(kind: str, path: Path) -> None:
    WRITERS[kind](path)
    other = layout(kind, features={"pt": ("jet_pt", "X[9]")})
    held = "'X', 'pt', 'y'"
    assert line(path, other) == f"has no {NOUNS[kind]} 'jet_pt' or 'X[9]' for feature 'pt', it holds {held}; {CHECK}"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_wrong_shape(kind: str, path: Path) -> None:
    WRITERS[kind](path, X=np.ones((5, 2, 4)).tolist() if kind == "parquet" else np.ones((5, 2, 4)))
    assert (
        line(path, layout(kind))
        == f"'X' has shape (5, 2, 4), expected (events, 2, 3) for image 'jet' (no-channel: e); {CHECK}"
    )
    WRITERS[kind](path, X=np.ones((5, 6)).tolist() if kind == "parquet" else np.ones((5, 6)))
    message = line(path, layout(kind))
    assert message.endswith("; its axes lie in one: declare it flat in the layout")
    flat = layout(kind, images={"jet": ImageSource(key="X", order="no-channel", flat=True)})
    with open_reader(path, flat, SCHEMA) as reader:
        assert reader.read(0, 5).images["jet"].values.shape == (5, 1, 2, 3)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", WRITERS)
def test_text_where_numbers_belong(kind: str, path: Path) -> None:
    words = ["a", "b", "c", "d", "e"]
    WRITERS[kind](path, pt=np.array(words) if kind == "npz" else words)
    assert line(path, layout(kind)) == f"'pt' holds text, expected numbers for feature 'pt'; {CHECK}"


@pytest.mark.parametrize("kind", WRITERS)
def test_labels_in_words(kind: str, path: Path) -> None:
    words = ["quark", "gluon", "quark", "tau", "quark"]
    WRITERS[kind](path, y=np.array(words) if kind == "npz" else words)
    assert (
        line(path, layout(kind))
        == "'y' is 'quark' in event 0, no number; known are 0 = quark, 1 = gluon: correct the label"
    )
    named = LabelSource(key="y", values={"quark": "quark", "gluon": "gluon"})
    known = "known are gluon = gluon, quark = quark: correct the label"
    assert line(path, layout(kind, label=named)) == f"'y' is 'tau' in event 3, no known class; {known}"
    both = LabelSource(key="y", values={"quark": "quark", "gluon": "gluon", "tau": "gluon"})
    with open_reader(path, layout(kind, label=both), SCHEMA) as reader:
        assert reader.read(0, 5).label.tolist() == [0, 1, 0, 1, 0]
    with open_reader(path, layout(kind, label=named), SCHEMA, truth=False) as reader:
        assert reader.read(0, 5).label.tolist() == [0, 1, 0, -1, 0]


def test_different_lengths(path: Path) -> None:
    npz(path, y=Y[:4])
    assert line(path, layout("npz")) == f"'X' has 5 events but 'y' has 4; {AGAIN}"
    npz(path, y=np.float32(1))
    assert line(path, layout("npz")) == f"'y' is a single value, not one per event; {CHECK}"


def test_no_events(path: Path) -> None:
    npz(path, X=X[:0], pt=PT[:0], y=Y[:0])
    assert line(path, layout("npz")) == "holds no events; leave this file out"
    parquet(
        path, X=pa.array([], pa.list_(pa.list_(pa.float32()))), pt=pa.array([], pa.float32()), y=pa.array([], pa.int8())
    )
    assert "expected (events, 2, 3)" in line(path, layout("parquet"))


def test_pickled_objects_are_never_opened(path: Path) -> None:
    npz(path, y=np.array([print, 1, 2, 3, 4], object))
    assert line(path, layout("npz")) == f"'y' holds pickled Python objects, expected numbers for the label; {CHECK}"


def test_parquet_rows_of_different_shapes(path: Path) -> None:
    rows = X.tolist()
    rows[3] = rows[3][:1]
    parquet(path, X=rows)
    assert line(path, layout("parquet")) == f"'X' has a row of 1 values in event 3, the others have 2; {AGAIN}"
    rows = X.tolist()
    rows[2][1] = [1.0]
    parquet(path, X=rows)
    assert line(path, layout("parquet")) == f"'X' has a row of 1 values in event 2, the others have 3; {AGAIN}"
    flat = layout("parquet", images={"jet": ImageSource(key="X", order="no-channel", flat=True)})
    parquet(path, X=[[1.0] * 6, [1.0] * 6, [1.0] * 5, [1.0] * 6, [1.0] * 6])
    assert line(path, flat) == f"'X' has 5 values in event 2, expected 6; {AGAIN}"


def test_parquet_missing_values(path: Path) -> None:
    rows = X.tolist()
    rows[4][1][2] = None
    parquet(path, X=rows)
    assert line(path, layout("parquet")) == f"'X' has a missing value in event 4; {AGAIN}"
    rows = X.tolist()
    rows[1] = None
    parquet(path, X=rows)
    assert line(path, layout("parquet")) == f"'X' has no value in event 1; {AGAIN}"
    parquet(path, y=[0, None, 1, 0, 1])
    message = "'y' is nan in event 1, not an integer; known are 0 = quark, 1 = gluon: correct the label"
    assert line(path, layout("parquet")) == message
    parquet(path, pt=[0.5, None, 1, 0, 1])
    with open_reader(path, layout("parquet"), SCHEMA) as reader:
        assert np.isnan(reader.read(0, 5).features["pt"]).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.list_(pa.float32(), 3), 2),
        pa.large_list(pa.list_(pa.int16())),
        pa.list_(pa.large_list(pa.float64()), 2),
    ],
    ids=str,
)
def test_parquet_lists_of_all_sorts(kind: pa.DataType, path: Path) -> None:
    parquet(path, X=pa.array(X.astype(int).tolist(), kind))
    with open_reader(path, layout("parquet"), SCHEMA) as reader:
        assert np.array_equal(reader.read(1, 4).images["jet"].values[:, 0], X[1:4])  # type: ignore[union-attr]


def test_parquet_tensors_and_dictionaries(path: Path) -> None:
    parquet(path, X=pa.FixedShapeTensorArray.from_numpy_ndarray(X), y=pa.array(list("qgqgq")).dictionary_encode())
    how = layout("parquet", label=LabelSource(key="y", values={"q": "quark", "g": "gluon"}))
    with open_reader(path, how, SCHEMA) as reader:
        batch = reader.read(2, 5)
    assert np.array_equal(batch.images["jet"].values[:, 0], X[2:])  # type: ignore[union-attr]
    assert batch.label.tolist() == [0, 1, 0]


def test_parquet_records_of_hits(path: Path) -> None:
    hits = [[{"i": 0, "e": 2.5}], [], [{"i": 5, "e": 1.0}, {"i": 1, "e": 3.0}], [], []]
    parquet(path, hits=hits)
    how = layout("parquet", images={}, hits={"jet": HitsSource(cell="hits/i", values=("hits/e",))})
    with open_reader(path, how, SCHEMA) as reader:
        cells = reader.read(1, 4).images["jet"]
    assert cells.offsets.tolist() == [0, 0, 2, 2]  # type: ignore[union-attr]
    assert cells.place.tolist() == [1, 5]  # type: ignore[union-attr]
    assert cells.value[:, 0].tolist() == [3, 1]  # type: ignore[union-attr]


def test_several_trees(path: Path) -> None:
    with uproot.recreate(path) as file:
        file.mkrntuple("one", {"X": X, "pt": PT, "y": Y})
        tree = file.mktree("two", {"pt": "float64"})
        tree.extend({"pt": PT})
    assert line(path, layout("root"), InputError) == "holds 2 trees ('one', 'two'); name one in the layout: tree"
    assert line(path, layout("root", tree="on"), UnknownNameError) == "unknown tree 'on'; did you mean 'one'?"
    with open_reader(path, layout("root", tree="one"), SCHEMA) as reader:
        assert len(reader) == 5
    with uproot.recreate(path) as file:
        file["histogram"] = np.histogram([1, 2])
    assert line(path, layout("root"), InputError) == "holds no TTree and no RNTuple"


def test_hits_of_unequal_number(path: Path) -> None:
    root(path, i=ak.Array([[0], [], [1, 2], [], []]), e=ak.Array([[1.0], [], [2.0], [], []]))
    how = layout("root", images={}, hits={"jet": HitsSource(cell="i", values=("e",))})
    assert line(path, how) == f"'i' has 2 hits but 'e' has 1 in event 2; {AGAIN}"


FLAT = {"jet": HitsSource(coordinates=("a", "b"), values=("e",), offsets="o")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"o": [0, 1, 1, 3, 3]}, f"'o' has 5 entries, expected 6 for 5 events; {AGAIN}"),
        ({"o": [0, 1, 1, 3, 3, 5]}, f"'a' has 4 hits but 'o' ends at 5; {AGAIN}"),
        ({"o": [0, 3, 1, 3, 3, 4]}, f"'o' does not ascend from 0 to the 4 hits in event 1; {AGAIN}"),
        ({"b": [0, 1, 2]}, f"'b' has 3 hits but 'o' ends at 4; {AGAIN}"),
        (
            {"e": np.ones((4, 2))},
            f"'e' has shape (4, 2), expected one number per hit for the hits of image 'jet'; {CHECK}",
        ),
        (
            {"b": [0, 1, 3, 1]},
            "image 'jet' has a hit at (1, 3) in event 2, outside its grid of 2x3; "
            "correct shape, low or pitch, or leave such hits out with outside: drop",
        ),
        (
            {"a": [-0.5, 1, 1, 1]},
            "image 'jet' has a hit at (-0.5, 0) in event 0, outside its grid of 2x3; "
            "correct shape, low or pitch, or leave such hits out with outside: drop",
        ),
    ],
)
def test_flat_hits(change: dict[str, object], message: str, path: Path) -> None:
    hits = {"o": [0, 1, 1, 3, 3, 4], "a": [0, 1, 1, 1], "b": [0, 1, 2, 1], "e": [1, 2, 3, 4]}
    how = layout("npz", images={}, hits=FLAT)
    npz(path, **hits)
    with open_reader(path, how, SCHEMA) as reader:
        assert reader.read(0, 5).images["jet"].hits().tolist() == [1, 0, 2, 0, 1]
    npz(path, **(hits | change))
    assert line(path, how) == message


def test_flat_hits_without_offsets(path: Path) -> None:
    npz(path)
    how = layout("npz", images={}, hits={"jet": HitsSource(cell="pt", values=("pt",))})
    fix = "say in the layout how hits belong to events: offsets, or rows (one hit per row)"
    message = f"'pt' has one value per row, expected a list per event for the hits of image 'jet'; {fix}"
    assert line(path, how) == message


@pytest.mark.parametrize(
    ("image", "source", "message"),
    [
        ({}, HitsSource(coordinates=("a",), values=("e",)), "gives image 'jet' 1 coordinates for 2 axes"),
        ({}, HitsSource(cell="a", values=("e", "t")), "gives image 'jet' 2 values per hit for 1 channels"),
        (
            {"storage": "points", "pitch": (1, 1), "low": (0, 0)},
            HitsSource(cell="a"),
            "places the hits of image 'jet' by cell, the schema keeps them as points; "
            "give coordinates, or say storage: cells",
        ),
    ],
)
def test_hits_that_do_not_fit_the_schema(
    image: dict[str, object], source: HitsSource, message: str, path: Path
) -> None:
    schema = SCHEMA.model_copy(update={"images": (SCHEMA.images[0].model_copy(update=image),)})
    npz(path)
    how = layout("npz", images={}, hits={"jet": source})
    assert line(path, how, ConfigError, schema) == f"layout of 'toy': {message}"


TEXT = layout("text", images={"jet": ImageSource(key="2:8", order="no-channel")}, features={"pt": "1"}, label=LABEL)
TEXT = TEXT.model_copy(update={"label": LabelSource(key=0, values={0: "quark", 1: "gluon"})})
ROWS = ["0 7.5 1 2 3 4 5 6", "1\t8  0 0 0 0 0 0", " 1 9 6 5 4 3 2 1 "]


def test_text_of_any_blanks(path: Path) -> None:
    path.write_bytes("\r\n".join(["", *ROWS, "", " "]).encode("utf-8-sig"))
    with open_reader(path, TEXT, SCHEMA) as reader:
        batch = reader.read(0, len(reader))
    assert batch.label.tolist() == [0, 1, 1]
    assert batch.features["pt"].tolist() == [7.5, 8, 9]
    assert batch.images["jet"].values.reshape(3, 6).tolist() == [[1, 2, 3, 4, 5, 6], [0] * 6, [6, 5, 4, 3, 2, 1]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "change", "message"),
    [
        (
            [ROWS[0], "1 8 0 0 0 0 0"], {},
            f"has 7 columns in row 1, the first row has 8; {AGAIN}",
        ),
        (
            [ROWS[0], ROWS[1] + " 4"], {},
            f"has 9 columns in row 1, the first row has 8; {AGAIN}",
        ),
        (
            [ROWS[0], "1 8 0 x 0 0 0 0"], {},
            "column 3 holds 'x' in row 1, expected a number; correct it, or write nan for a missing value",
        ),
        (
            ["a 1 2 3 4 5 6 7"], {},
            "'0' is 'a' in event 0, no number; known are 0 = quark, 1 = gluon: correct the label",
        ),
        (["1 1 2 3"], {}, f"has no column '2:8' for image 'jet', it holds '0', '1', '2', '3'; {CHECK}"),
        (
            ROWS, {"text": TextOptions(columns=86)},
            "has 8 columns, expected 86; check that it is the right file, and the delimiter in the layout",
        ),
        (
            ["pt,y", "1,2,3"], {"text": TextOptions(delimiter=",", header=True)},
            "has 3 columns in the first line of data, and 2 names; check delimiter, skip and header in the layout",
        ),
        (["one"], {"text": TextOptions(skip=3)}, "has fewer than 3 lines; correct text.skip"),
        ([" ", ""], {}, f"has no column '2:8' for image 'jet', it holds none; {CHECK}"),
    ],
)  # fmt: skip
def test_bad_text(rows: list[str], change: dict[str, object], message: str, path: Path) -> None:
    path.write_text("\n".join(rows) + "\n")
    assert line(path, TEXT.model_copy(update=change)) == message


def test_binary_text(path: Path) -> None:
    path.write_bytes(b"1 2 \xff\xfe 3\n")
    assert line(path, TEXT) == f"is no text file (it is not UTF-8); {AGAIN}"


def test_long_text_is_read_from_anywhere(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that span blocks, and more of them than places are remembered."""
    monkeypatch.setattr("pidcam.formats.text_lines.BLOCK", 1000)
    numbers = np.random.default_rng(0).integers(0, 10**6, (5000, 7))
    np.savetxt(path, np.concatenate([np.zeros((5000, 1)), numbers], axis=1), "%d")
    with open_reader(path, TEXT, SCHEMA) as reader:
        assert len(reader) == 5000
        for start, stop in ((0, 10), (1023, 1026), (2048, 2049), (4990, 5000)):
            assert np.array_equal(reader.read(start, stop).features["pt"], numbers[start:stop, 0])


def pixels(**rows: object) -> tuple[EventSchema, Layout]:
    schema = SCHEMA.model_copy(update={"features": (), "images": (SCHEMA.images[0],)})
    hits = {"jet": HitsSource(coordinates=("0", "1"), values=("2",))}
    return schema, Layout(format="text", hits=hits, rows=HitRows(**rows))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0 1 5\n1 2 7\n#\n0 0 2\n#\n", {"separator": "#"}),
        ("# frame 1\n# 2 hits\n0 1 5\n1 2 7\n# frame 2\n0 0 2", {"separator": "#"}),
        ("\n\n0 1 5\n1 2 7\n\n \n0 0 2\n\n", {"separator": ""}),
    ],
)
def test_frames_of_hits(text: str, rows: dict[str, object], path: Path) -> None:
    path.write_text(text)
    schema, how = pixels(**rows)
    with open_reader(path, how, schema) as reader:
        assert len(reader) == 2
        cells = reader.read(0, 2).images["jet"]
        assert cells.offsets.tolist() == [0, 2, 3]  # type: ignore[union-attr]
        assert cells.place.tolist() == [1, 5, 0]  # type: ignore[union-attr]
        assert cells.value[:, 0].tolist() == [5, 7, 2]  # type: ignore[union-attr]
        assert reader.read(1, 2).images["jet"].value.tolist() == [[2]]  # type: ignore[union-attr]


def test_a_whole_file_may_be_one_event(path: Path) -> None:
    path.write_text("0 1 5\n0 1 6\n1 2 7\n")
    schema, how = pixels()
    with open_reader(path, how, schema) as reader:
        assert len(reader) == 1
        assert reader.read(0, 1).images["jet"].value.tolist() == [[11], [7]], "hits of one cell add up"  # type: ignore[union-attr]


def picture(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Picture.fromarray(values).save(path)


PICTURE = Layout(format="pictures", images={"jet": ImageSource(key="picture", order="no-channel")})
SEEN = SCHEMA.model_copy(update={"features": ()})


IN_PNG = (np.uint8, np.uint16, bool)


@pytest.mark.parametrize(
    ("suffix", "dtype"), [*(("png", t) for t in IN_PNG), *(("tiff", t) for t in (*IN_PNG, np.int32, np.float32))]
)
def test_gray_pictures(dtype: type, suffix: str, tmp_path: Path) -> None:
    values = np.array([[0, 1, 0], [1, 0, 1]]) if dtype is bool else np.array([[0, 1, 255], [17, 30, 200]])
    for i in range(12):
        picture(tmp_path / "quark" / f"{i:03d}.{suffix}", (values * (i % 2)).astype(dtype))
    (tmp_path / "quark" / "notes.md").write_text("not a picture")
    how = PICTURE.model_copy(update={"label": LabelSource(files={"quark": "quark", "gluon": "gluon"})})
    with open_reader(tmp_path / "quark", how, SEEN) as reader:
        assert len(reader) == 12
        batch = reader.read(3, 6)
    assert np.array_equal(batch.images["jet"].values[:, 0], np.stack([values, 0 * values, values]))  # type: ignore[union-attr]
    assert batch.label.tolist() == [0, 0, 0]


def test_colours_palettes_and_frames(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (2, 3, 3)).astype(np.uint8)
    rgb = Image(name="jet", shape=(2, 3), channels=tuple(Channel(name=c) for c in "rgb"))
    schema = SEEN.model_copy(update={"images": (rgb,)})
    how = Layout(format="pictures", images={"jet": ImageSource(key="picture", order="channel-last")})
    picture(tmp_path / "a.png", colours)
    Picture.fromarray(colours).quantize(6).save(tmp_path / "b.png")
    for name in "ab":
        with open_reader(tmp_path / f"{name}.png", how, schema) as reader:
            assert np.array_equal(reader.read(0, 1).images["jet"].values[0], np.moveaxis(colours, -1, 0))  # type: ignore[union-attr]
    frames = [Picture.fromarray(np.full((2, 3), i, np.uint16)) for i in range(7)]
    frames[0].save(tmp_path / "stack.tif", save_all=True, append_images=frames[1:])
    with open_reader(tmp_path / "stack.tif", PICTURE, SEEN) as reader:
        assert len(reader) == 7
        assert reader.read(2, 5).images["jet"].values[:, 0, 0, 0].tolist() == [2, 3, 4]  # type: ignore[union-attr]


def test_bad_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "quark"
    folder.mkdir()
    nothing = "holds no pictures (.png, .tif, .tiff, .jpg, .jpeg); name the folders that hold the pictures"
    assert line(folder, PICTURE, InputError, SEEN) == nothing
    picture(folder / "a.png", np.zeros((2, 3), np.uint8))
    picture(folder / "b.png", np.zeros((2, 4), np.uint8))
    message = (
        "has shape (2, 4), the first picture has (2, 3); pictures must be of one size and mode: convert or crop them"
    )
    assert line(folder, PICTURE, schema=SEEN) == f"{folder / 'b.png'}: {message}"
    picture(folder / "b.png", np.random.default_rng(0).integers(0, 255, (2, 3)).astype(np.uint8))
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data[:50])
    assert line(folder, PICTURE, schema=SEEN).startswith(f"{folder / 'b.png'}: is a damaged picture (")
    (folder / "b.png").write_bytes(data)
    (folder / "c.png").write_text("text")
    assert line(folder, PICTURE, schema=SEEN).startswith(f"{folder / 'c.png'}: is no picture that can be read; ")
    frames = [Picture.fromarray(np.full((2, 3), i, np.uint8)) for i in range(2)]
    (folder / "c.png").unlink()
    frames[0].save(folder / "c.tif", save_all=True, append_images=frames[1:])
    assert (
        line(folder, PICTURE, schema=SEEN)
        == f"{folder / 'c.tif'}: holds 2 frames, in a folder of pictures; give such files by themselves"
    )
    colour = "'picture' has shape (1, 2, 3, 3), expected (events, 2, 3) for image 'jet' (no-channel: e)"
    picture(tmp_path / "c.png", np.zeros((2, 3, 3), np.uint8))
    assert line(tmp_path / "c.png", PICTURE, schema=SEEN) == f"{colour}; {CHECK}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tau.npz", "is of no known class: its path matches none of *quark*, *gluon*; rename it, or leave it out"),
        (
            "quark_gluon.npz",
            "could be class 'quark' (its path matches *quark*) or 'gluon' (*gluon*); rename it, or leave it out",
        ),
    ],
)
def test_the_class_is_in_the_name(name: str, message: str, tmp_path: Path) -> None:
    how = layout("npz", label=LabelSource(files={"*quark*": "quark", "*gluon*": "gluon"}))
    with open_reader(npz(tmp_path / "my_gluons_3.npz"), how, SCHEMA) as reader:
        assert reader.read(1, 3).label.tolist() == [1, 1]
    path = npz(tmp_path / name)
    assert line(path, how) == message
    with open_reader(path, how, SCHEMA, truth=False) as reader:
        assert reader.read(1, 3).label.tolist() == [-1, -1]
    with open_reader(
        path, layout("npz", label=LabelSource(key="y", values=LABEL.values, files=how.label.files)), SCHEMA
    ) as reader:  # type: ignore[union-attr]
        assert reader.read(1, 3).label.tolist() == [1, 0], "the column counts where there is one"


def test_variants_of_a_layout(tmp_path: Path) -> None:
    other = layout("npz", features={"pt": "momentum"})
    how = layout("npz", variants={"new_*": other, "old/*": layout("npz", features={"pt": "y"})})
    for name, pt in (("a.npz", PT), ("new_a.npz", 2 * PT), ("old/a.npz", Y)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        npz(tmp_path / name, momentum=2 * PT)
        with open_reader(tmp_path / name, how, SCHEMA) as reader:
            assert np.array_equal(reader.read(0, 5).features["pt"], pt), name


def test_a_layout_survives_json() -> None:
    how = layout("npz", variants={"a": layout("text", rows=HitRows(separator="#"))}, hits=FLAT, images={})
    assert Layout.model_validate_json(how.model_dump_json()) == how
    mixed = LabelSource(key=("y", "z"), values={-1: "quark", "two": "gluon"})
    assert LabelSource.model_validate_json(mixed.model_dump_json()) == mixed


@pytest.mark.parametrize("kind", WRITERS)
def test_one_hot_labels(kind: str, path: Path) -> None:
    rows = np.array([[0, 1], [1, 0], [0, 1], [0, 1], [1, 0]])
    WRITERS[kind](path, y=rows.tolist() if kind == "parquet" else rows)
    how = layout(kind, label=LabelSource(key="y", one_hot=("gluon", "quark")))
    with open_reader(path, how, SCHEMA) as reader:
        assert reader.read(1, 5).label.tolist() == [1, 0, 0, 1]
    rows[3] = 1
    WRITERS[kind](path, y=rows.tolist() if kind == "parquet" else rows)
    assert line(path, how) == "'y' is (1, 1) in event 3, not one-hot; correct the label"
    with open_reader(path, how, SCHEMA, truth=False) as reader:
        assert reader.read(1, 5).label.tolist() == [1, 0, -1, 1]
    three = layout(kind, label=LabelSource(key="y", one_hot=("gluon", "quark", "quark")))
    assert line(path, three) == f"'y' has shape (5, 2), expected (events, 3) for the label; {CHECK}"


def test_separators_are_of_text_alone(path: Path) -> None:
    npz(path)
    how = layout("npz", rows=HitRows(separator=""))
    assert line(path, how, ConfigError) == "format 'npz' has no separators between events"


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes overwritten, or the end cut off."""
    result = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        start, size = rng.integers(0, len(result)), rng.integers(1, 30)
        result[start : start + size] = rng.bytes(min(size, len(result) - start))
    return bytes(result[: rng.integers(1, len(result))] if rng.random() < 0.3 else result)


@pytest.mark.parametrize("kind", [*WRITERS, "hdf5", "text", "pictures"])
def test_damage_at_random_is_always_one_line(kind: str, tmp_path: Path) -> None:
    """Or goes unseen, where it hit nothing that matters."""
    path, rng = tmp_path / "whole", np.random.default_rng(0)
    how, schema = layout(kind), SCHEMA
    if kind in WRITERS:
        WRITERS[kind](path.with_suffix(".npz"), X=X.tolist() if kind == "parquet" else X)
        path = path.with_suffix(".npz")
    elif kind == "hdf5":
        with h5py.File(path, "w") as file:
            file.create_dataset("X", data=X, compression="gzip")
            file["pt"], file["y"] = PT, Y
    elif kind == "text":
        path.write_text("\n".join(ROWS))
        how = TEXT
    else:
        Picture.fromarray(X[0].astype(np.uint8)).save(path, "png")
        how, schema = PICTURE, SEEN
    data = path.read_bytes()
    told: list[PidcamError] = []
    for number in range(60):
        bad = tmp_path / f"bad-{number}"
        bad.write_bytes(damaged(data, rng))
        try:
            with open_reader(bad, how, schema) as reader:
                reader.read(0, len(reader))
        except PidcamError as error:
            told.append(error)
    assert told
    assert all(str(error).startswith(f"{tmp_path}/bad-") and "\n" not in str(error) for error in told)
