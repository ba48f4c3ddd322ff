"""What a drafted card sees by itself, and what it asks."""

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

import pidcam
from pidcam.cards import load_card
from pidcam.errors import DataError, ExistsError, InputError, MismatchError
from pidcam.verbs.card import DraftedCard

N = 120


def draft(tmp_path: Path, *files: Path) -> DraftedCard:
    drafted = pidcam.card(list(files), tmp_path / "card.yaml")
    assert load_card(drafted.path) == drafted.card
    assert not any("cannot be read yet" in line for line in drafted.said), drafted.said
    return drafted


def test_dense_images_of_all_orders(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["last"] = rng.random((N, 12, 10, 3))
        file["first"] = rng.random((N, 2, 12, 10))
        file["volume"] = rng.random((N, 6, 7, 8))
        file["plain"] = rng.random((N, 9, 9))
        file["flat"] = rng.random((N, 49))
        file["wave"] = rng.random((N, 50))
        file["y"] = np.arange(N) % 2
    images = draft(tmp_path, tmp_path / "a.h5").card.images
    found = {name: (i.order, i.shape, len(i.channels), i.flat) for name, i in images.items()}
    assert found == {
        "last": ("channel-last", (12, 10), 3, False),
        "first": ("channel-first", (12, 10), 2, False),
        "volume": ("no-channel", (6, 7, 8), 1, False),
        "plain": ("no-channel", (9, 9), 1, False),
        "flat": ("no-channel", (7, 7), 1, True),
        "wave": ("no-channel", (50,), 1, False),
    }


def test_scalars_find_their_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "pt": rng.random(N), "true_energy": rng.random(N), "event": np.arange(N), "run": np.full(N, 7),
        "weight": rng.random(N), "nhits": rng.integers(0, 9, N), "pdgId": rng.choice([11, -11, 211], N),
        "comment": ["some words"] * N,
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    drafted = draft(tmp_path, tmp_path / "a.parquet")
    card = drafted.card
    assert list(card.features) == ["pt", "nhits"]
    assert list(card.targets) == ["true_energy"]
    assert card.label is not None
    assert card.label.pdg
    assert card.classes == {"electron": (11, -11), "charged pion": (211, -211)}
    assert card.content_identifies
    text = drafted.path.read_text()
    for line in (
        "event (numbers the events, it seems)",
        "run (always 7)",
        "weight (a weight, it seems)",
        "comment (words)",
    ):
        assert f"# left out: {line}" in text


@pytest.mark.parametrize("kind", ["offsets", "lists", "records", "table", "csv", "separated", "numbered"])
def test_hits_of_all_sorts(kind: str, tmp_path: Path, frames_of: Callable[..., list[np.ndarray]]) -> None:
    hits = [frame for species in ("alpha", "muon") for frame in frames_of(species, 60)]
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in hits])])
    x, y, tot = np.concatenate(hits).T
    event = np.repeat(np.arange(N), np.diff(offsets)) + 17
    path = tmp_path / "data"
    if kind == "offsets":
        path = path.with_suffix(".npz")
        np.savez(path, offsets=offsets, x=x, y=y, tot=tot)
    elif kind == "lists":
        with uproot.recreate(path) as file:
            tree = file.mktree("t", {"hit_x": "var * int32", "hit_y": "var * int32", "tot": "var * int32"})
            tree.extend({k: ak.Array([h[:, i] for h in hits]) for i, k in enumerate(("hit_x", "hit_y", "tot"))})
    elif kind == "records":
        rows = [[{"x": a, "y": b, "tot": c} for a, b, c in h.tolist()] for h in hits]
        pq.write_table(pa.table({"hits": rows}), path)
    elif kind == "table":
        table = np.zeros(len(x), [("event_id", "i4"), ("x", "i2"), ("y", "i2"), ("tot", "f4")])
        table["event_id"], table["x"], table["y"], table["tot"] = event, x, y, tot
        with h5py.File(path, "w") as file:
            file["DATASET/Hits"] = table
    else:
        parts = {
            "csv": (",", "event,x,y,tot", np.stack([event, x, y, tot], 1)),
            "numbered": (" ", "", np.stack([event, x, y, tot], 1)),
        }
        if kind == "separated":
            path.write_text("\n\n".join("\n".join(" ".join(map(str, r)) for r in h.tolist()) for h in hits))
        else:
            delimiter, header, rows = parts[kind]
            np.savetxt(path, rows, "%d", delimiter=delimiter, header=header, comments="")
    drafted = draft(tmp_path, path)
    assert drafted.events == N
    (image,) = drafted.card.images.values()
    assert image.shape == (256, 256)
    assert len(image.coordinates) == 2
    assert len(image.values) == len(image.channels) == 1
    assert drafted.card.label is None
    assert "no class was found: say under 'label' how it is told" in drafted.said
    assert any("256x256 holds every hit that was seen" in line for line in drafted.said)
    store = pidcam.prepare(drafted.path, out=tmp_path / "s", allow_one_class=True, split="0.5/0.5", workers=1)
    values = np.concatenate([store.to_numpy(s)["hits"] for s in store.splits])
    assert values.sum() == tot.sum()


def test_points(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    place = rng.normal(size=(3, 500)) * 40
    np.savez(tmp_path / "a.npz", offsets=np.arange(0, 501, 5), x=place[0], y=place[1], z=place[2], e=rng.random(500))
    drafted = draft(tmp_path, tmp_path / "a.npz")
    (image,) = drafted.card.images.values()
    assert image.storage == "points"
    assert image.shape == (32, 32, 32)
    low, high = np.array(image.low), np.array(image.low) + 32 * np.array(image.pitch)
    assert (low <= place.min(1)).all()
    assert (high > place.max(1)).all()


def test_a_window_in_text(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("pions", "protons"):
        np.savetxt(tmp_path / f"{name}.txt", rng.integers(0, 99, (N, 81)), "%d")
    drafted = draft(tmp_path, tmp_path / "pions.txt", tmp_path / "protons.txt")
    (image,) = drafted.card.images.values()
    assert (image.key, image.shape) == ("0:81", (9, 9))
    assert drafted.card.label is not None
    assert drafted.card.label.files == {"*pions*": "pions", "*protons*": "protons"}
    names = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    rows = np.column_stack([rng.integers(0, 3, N), rng.integers(0, 16, (N, 64))])
    np.savetxt(tmp_path / "a.csv", rows, "%d", delimiter=",", header=names, comments="")
    drafted.path.unlink()
    drafted = draft(tmp_path, tmp_path / "a.csv")
    (image,) = drafted.card.images.values()
    assert (image.key, image.shape) == ("1:65", (8, 8))
    assert drafted.card.label is not None
    assert drafted.card.label.key == "label"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["e/1.npz", "e/2.npz", "gamma/1.npz"], {"e/*": "e", "gamma/*": "gamma"}),
        (
            ["run_electron_1.npz", "run_electron_2.npz", "run_photon_1.npz"],
            {"*electron*": "electron", "*photon*": "photon"},
        ),
        (["pi.npz", "pi0.npz"], {"pi.npz": "pi", "pi0.npz": "pi0"}),
        (["a_1.npz", "a_2.npz"], None),
        (["one.npz"], None),
    ],
)
def test_classes_in_the_names_of_files(files: list[str], expected: dict[str, str] | None, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / name, image=np.random.default_rng(0).random((5, 8, 8)))
    label = draft(tmp_path, *(tmp_path / f for f in files)).card.label
    assert (label.files if label else None) == expected


def test_many_files_are_named_by_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for i in range(6):
        np.savez(tmp_path / "raw" / f"{i}.npz", image=np.zeros((5, 8, 8)) + np.arange(8), y=np.arange(5) % 2)
    drafted = draft(tmp_path, *sorted((tmp_path / "raw").iterdir()))
    assert drafted.card.files == ("raw/*.npz",)
    assert drafted.card.name == "raw"
    assert drafted.events == 30


def test_what_cannot_be_drafted(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, y=np.arange(5), words=np.array(["a", "b", "c", "d", "e"]))
    with pytest.raises(DataError) as caught:
        pidcam.card(path, tmp_path / "card.yaml")
    assert str(caught.value).startswith(f"{path}: nothing looks like an image or a feature (")
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        pidcam.card(path, tmp_path / "card.yaml")
    with pytest.raises(InputError, match="no such file"):
        pidcam.card(tmp_path / "b.npz", tmp_path / "card.yaml")
    with pytest.raises(InputError, match="no raw files were given"):
        pidcam.card([], tmp_path / "card.yaml")
    np.savez(path, image=np.ones((5, 8, 8)))
    (tmp_path / "b.txt").write_text("1 2 3\n")
    with pytest.raises(MismatchError, match=r"is of format text, but .* is npz; make a card for each"):
        pidcam.card([path, tmp_path / "b.txt"], tmp_path / "card.yaml")
    assert not (tmp_path / "card.yaml").exists()
    (tmp_path / "card.yaml").write_text("mine")
    with pytest.raises(ExistsError):
        pidcam.card(path, tmp_path / "card.yaml")
    assert (tmp_path / "card.yaml").read_text() == "mine"


def test_official_files_of_ours_are_seen_through(egamma_files: list[Path], tmp_path: Path) -> None:
    card = draft(tmp_path, *egamma_files).card
    (image,) = card.images.values()
    assert (image.order, image.shape, len(image.channels)) == ("channel-last", (32, 32), 2)
    assert card.label is not None
    assert card.label.key == "y"
    assert card.content_identifies


def test_one_hot_labels(tmp_path: Path) -> None:
    label = np.arange(N) % 3
    np.savez(tmp_path / "a.npz", image=np.random.default_rng(0).random((N, 8, 8)), truth=np.eye(3)[label])
    drafted = draft(tmp_path, tmp_path / "a.npz")
    assert drafted.card.label is not None
    assert drafted.card.label.one_hot == ("class 0", "class 1", "class 2")
    store = pidcam.prepare(drafted.path, out=tmp_path / "s", workers=1)
    assert store.manifest.accounting.read == {f"class {i}": 40 for i in range(3)}
