"""Cards written by hand: what they make, and one clear line for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import pidcam
from pidcam.cards import find_detector, load_card, raw_files
from pidcam.config import merge
from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError, InputError, PidcamError, UnknownNameError
from pidcam.formats.layout import HitRows, HitsSource, ImageSource, LabelSource, TextOptions

CARD: dict[str, Any] = {
    "name": "mine",
    "files": ["*.npz"],
    "format": "npz",
    "images": {"calo": {"key": "X", "order": "channel-last", "shape": [4, 5], "channels": ["energy", "time"]}},
    "features": {"pt": "jet_pt"},
    "targets": {"energy": {"key": "truth[1]", "unit": "GeV", "range": [0, 1000], "optional": True}},
    "label": {"key": "y", "values": {0: "pion", 1: "kaon"}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def write(path: Path, **change: Any) -> Path:
    path.write_text(yaml.safe_dump(merge(CARD, change), sort_keys=False))
    return path


def test_a_card_is_a_detector(path: Path) -> None:
    detector = find_detector(write(path, title="my calorimeter"))
    assert (detector.name, detector.title, detector.split) == ("mine", "my calorimeter", "0.8/0.1/0.1")
    schema, layout = detector.schema, detector.layout
    assert schema.images[0].dense_shape == (2, 4, 5)
    assert [c.name for c in schema.images[0].channels] == ["energy", "time"]
    assert schema.class_names == ("pion", "kaon")
    assert layout.images == {"calo": ImageSource(key="X", order="channel-last")}
    assert layout.features == {"pt": "jet_pt"}
    assert layout.targets == {"energy": "truth[1]"}
    (target,) = schema.targets
    assert (target.unit, target.range, target.optional) == ("GeV", (0, 1000), True)
    assert not schema.content_identifies


def test_hits_in_text(path: Path) -> None:
    path.write_text(
        """
name: frames
format: text
text: {delimiter: ",", skip: 2}
rows: {event: 0}
images:
  sensor:
    coordinates: [1, 2]
    values: [3, 4]
    shape: [256, 256]
    pitch: [0.055, 0.055]
    low: [-7.04, -7.04]
    unit: mm
    axes: [x, y]
    storage: points
    channels: {tot: {unit: counts, non_negative: true}, toa: {unit: ns, range: [0, 409600]}}
classes: {kaon: [321, -321], pion: [211, -211]}
label: {key: 5, pdg: true}
split: {train: [0, 80], test: [80, 100]}
"""
    )
    detector = find_detector(path)
    assert detector.layout.hits == {"sensor": HitsSource(coordinates=("1", "2"), values=("3", "4"))}
    assert detector.layout.rows == HitRows(event="0")
    assert detector.layout.text == TextOptions(delimiter=",", skip=2)
    assert detector.layout.label == LabelSource(key="5", pdg=True)
    assert detector.schema.class_names == ("kaon", "pion"), "in the order of the card"
    (image,) = detector.schema.images
    assert image.storage == "points"
    assert [(c.non_negative, c.range) for c in image.channels] == [(True, None), (False, (0, 409600))]
    assert (detector.split, detector.official_split) == ("official", {"train": (0, 80), "test": (80, 100)})


def test_columns_of_text_need_no_quotes(path: Path) -> None:
    """YAML 1.1 reads 1:50 as 110, in base 60."""
    path.write_text(
        "name: w\nformat: text\nimages: {w: {key: 1:50, order: no-channel, shape: [7, 7], channels: charge}}\n"
        "label: {files: {'*': any}}\n"
    )
    assert find_detector(path).layout.images["w"].key == "1:50"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nmae": "x"}, "unknown key 'nmae'; did you mean 'name'?"),
        ({"images": {"calo": {"ordre": "x"}}}, "unknown key 'images.calo.ordre'; did you mean 'images.calo.order'?"),
        (
            {"images": {"calo": {"order": "last"}}},
            "images.calo.order: input should be 'channel-first', 'channel-last' or 'no-channel', not 'last'",
        ),
        ({"images": {"calo": {"order": None}}}, "images.calo: order is missing: channel-first or channel-last"),
        (
            {"images": {"calo": {"key": None, "order": None}}},
            "images.calo: an image is given by one of key (dense), coordinates (hits) or cell (hits)",
        ),
        (
            {"images": {"calo": {"offsets": "o"}}},
            "images.calo: offsets belongs to hits, and key says that the image is dense",
        ),
        ({"name": "a/b"}, "name: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_.+-]*$', not 'a/b'"),
        ({"name": "cms-jets"}, ": name 'cms-jets' is that of a known detector; choose another name"),
        ({"format": "hdf"}, ": unknown format 'hdf'; did you mean 'hdf5'?"),
        (
            {"images": {"calo": {"order": "no-channel"}}},
            ": says no-channel for image 'calo', which has 2 channels; say channel-first or channel-last",
        ),
        ({"images": {"pt": CARD["images"]["calo"]}}, ": column 'pt' is declared twice"),
        ({"classes": {"pion": [211]}}, ": unknown class 'kaon'; did you mean 'pion'?"),
        ({"label": {"values": None, "pdg": True}}, "label.values"),
        ({"label": {"key": None}}, "label: a class is found by a key or by files"),
    ],
)
def test_mistakes(change: dict[str, Any], message: str, path: Path) -> None:
    write(path, **change)
    with pytest.raises(PidcamError) as caught:
        find_detector(path)
    assert isinstance(caught.value, ConfigError | UnknownNameError)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert message in text


def test_a_missing_card(path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_detector(path)
    with pytest.raises(UnknownNameError, match="did you mean 'cms-ecal'"):
        find_detector("cms-ekal")
    assert find_detector("cms-ecal").name == "cms-ecal"
    ours = detectors["cms-ecal"]()
    assert find_detector(ours) is ours


def test_the_files_of_a_card(path: Path, tmp_path: Path) -> None:
    write(path)
    with pytest.raises(InputError) as caught:
        raw_files(path)
    assert str(caught.value) == f"{path}: no file matches *.npz; correct files in it, or give raw files"
    for name in ("b.npz", "a.npz"):
        (tmp_path / name).touch()
    assert raw_files(path) == [tmp_path / "a.npz", tmp_path / "b.npz"]
    assert raw_files(path, ["c.npz"]) == [Path("c.npz")]
    path.write_text(path.read_text().replace("files:\n- '*.npz'\n", ""))
    with pytest.raises(InputError, match="names no files; give raw files, or add files to it"):
        raw_files(path)


def test_the_split_of_a_card_is_taken(path: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    arrays = {"X": rng.random((60, 4, 5, 2)), "jet_pt": rng.random(60), "truth": rng.random((60, 2)), "y": y}
    np.savez(tmp_path / "a.npz", **arrays)
    store = pidcam.prepare(write(path, split={"train": [0, 20], "test": [20, 30]}), out=tmp_path / "s", workers=1)
    assert {s: store.manifest.events(s) for s in store.splits} == {"train": 40, "test": 20}
    store = pidcam.prepare(path, out=tmp_path / "t", split="0.5/0.5", workers=1)
    assert {s: store.manifest.events(s) for s in store.splits} == {"train": 30, "test": 30}
    assert store.manifest.raw_layout == load_card(path).raw_layout()


def test_values_out_of_range(path: Path, tmp_path: Path) -> None:
    x, y = np.ones((4, 4, 5, 2)), np.array([0, 1, 0, 1])
    x[2, 1, 1, 0] = 17
    np.savez(tmp_path / "a.npz", X=x, jet_pt=y, truth=np.ones((4, 2)), y=y)
    write(path, images={"calo": {"channels": {"energy": {"range": [0, 16]}, "time": {}}}})
    with pytest.raises(InputError) as caught:
        pidcam.prepare(path, out=tmp_path / "s", workers=1)
    fault = "image 'calo', energy is 17 in event 2, but is declared within 0 to 16"
    assert str(caught.value).startswith(f"{tmp_path / 'a.npz'}: {fault}; ")
    store = pidcam.prepare(path, out=tmp_path / "s", drop_bad=True, split="0.5/0.5", workers=1)
    assert store.manifest.accounting.dropped == {"bad values": {"pion": 1, "kaon": 0}}
