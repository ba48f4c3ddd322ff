"""A test split that is files of its own: nothing of them is learnt from, all of them is tested on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pidcam.errors import ConfigError, InputError
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

SPLITS = ("train", "valid", "test")


def prepared(toy: SimpleNamespace, learn: list[Path], judge: list[Path], out: Path, **options: object) -> Store:
    parsed = PrepareOptions(**{"split": "0.8/0.2", **options})
    return prepare_store(toy.detector(toy.schema()), learn, out, parsed, test=judge, workers=1)


@pytest.fixture
def files(toy: SimpleNamespace, tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Files to learn from and files to test on; the third event of `c` is the first of `b`."""
    a, b, c = (toy.events(n, seed, occupancy=0.9) for n, seed in ((60, 0), (40, 1), (30, 2)))
    c = toy.joined(c.take(np.arange(2)), b.take(np.array([0])), c.take(np.arange(2, 30)))
    learn = [toy.save(tmp_path / "b.toy", b, 9), toy.save(tmp_path / "a.toy", a, 9)]
    return learn, [toy.save(tmp_path / "c.toy", c, 9)]


def test_the_test_split_is_the_files_given_for_it(
    toy: SimpleNamespace, files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    learn, judge = files
    store = prepared(toy, learn, judge, tmp_path / "store")
    assert store.splits == SPLITS
    names = [source.name for source in store.manifest.sources]
    assert {s.name for s in store.manifest.sources if s.test} == {"c.toy"}
    for split in SPLITS:
        assert {names[i] for i in store.events(split).file} == ({"c.toy"} if split == "test" else {"a.toy", "b.toy"})
    counts = {split: store.manifest.events(split) for split in SPLITS}
    assert counts["test"] == 30, "the event that is also learnt from is not tested on"
    assert counts["train"] + counts["valid"] == 100
    assert abs(counts["valid"] - 20) <= 3
    assert store.manifest.accounting.adds_up()
    assert store.manifest.split == "0.8/0.2 stratified, test in files of its own"


def test_a_limit_cuts_each_sample_by_itself(
    toy: SimpleNamespace, files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    learn, judge = files
    whole = prepared(toy, learn, judge, tmp_path / "whole")
    store = prepared(toy, learn, judge, tmp_path / "store", limit=7)
    for splits in (("train", "valid"), ("test",)):
        all_of_them, kept = (
            np.bincount(np.concatenate([of.events(split).label for split in splits])) for of in (whole, store)
        )
        assert kept.tolist() == np.minimum(all_of_them, 7).tolist()
    assert store.manifest.accounting.adds_up()


def test_another_role_is_another_store(
    toy: SimpleNamespace, files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    (b, a), (c,) = files
    first = prepared(toy, [a, b], [c], tmp_path / "store")
    assert prepared(toy, [b, a], [c], tmp_path / "store").manifest == first.manifest
    with pytest.raises(InputError, match="finished store of other files"):
        prepared(toy, [a, c], [b], tmp_path / "store")
    assert prepared(toy, [a, c], [b], tmp_path / "other").manifest.fingerprint != first.manifest.fingerprint


def test_what_cannot_be(toy: SimpleNamespace, files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    learn, judge = files
    for split in ("0.8/0.1/0.1", "folds:5"):
        with pytest.raises(ConfigError) as caught:
            prepared(toy, learn, judge, tmp_path / "store", split=split)
        assert str(caught.value) == (
            "--split: the files of --test are the test split, so that --split has to give two fractions; "
            "for example 0.9/0.1 (train/valid)"
        )
    with pytest.raises(InputError) as twice:
        prepared(toy, learn, [learn[0]], tmp_path / "store")
    assert str(twice.value) == f"{learn[0]}: is given both to learn from and to test on; leave it out of one"
    assert not (tmp_path / "store").exists()
