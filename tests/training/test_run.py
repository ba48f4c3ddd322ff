"""A run directory holds everything, and reloads anywhere with the same scores."""

from __future__ import annotations

import math
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch

import pidcam
from pidcam.batch import SparseImage
from pidcam.errors import DataError, InputError, UnknownNameError
from pidcam.training import run as training_run
from pidcam.verbs.evaluate import score_split
from pidcam.verbs.train import train

TINY = ["training.epochs=1", "training.batch_size=64", "training.precision=fp32"]


@pytest.fixture(scope="module", params=["resnet", "small-cnn", "mlp", "bdt"])
def fitted(request, egamma_store, tmp_path_factory):
    narrow = {"resnet": ["model.widths=[8]"], "mlp": ["model.widths=[16]"], "bdt": ["model.trees=20"], "small-cnn": []}
    out = tmp_path_factory.mktemp("runs") / request.param
    return train(egamma_store.path, out, model=request.param, set=[*TINY, *narrow[request.param]])


def scores(run, arrays, **options):
    return run.predict(arrays["ecal"], **options).columns["p_electron"]


def test_reloads_with_the_same_scores_at_any_batch_size(fitted, egamma_store):
    arrays = egamma_store.to_numpy("test")
    before = scores(fitted, arrays)
    again = pidcam.load_run(fitted.path)
    for batch_size in (1, 7, 512):
        assert scores(again, arrays, batch_size=batch_size) == pytest.approx(before, abs=1e-6)


def test_scoring_holds_the_images_of_few_events(fitted, egamma_store, monkeypatch):
    """Dense ones of 8 at a time, of which few batches are alive; trees take hits and make no image dense."""
    alone = score_split(fitted, egamma_store, "train")
    (image,) = egamma_store.schema.images
    monkeypatch.setattr(training_run, "SCORED_BYTES", 8 * 4 * math.prod(image.dense_shape))
    met, score = [], fitted.model.predict

    def predict(batch):
        met.append((len(batch), weakref.ref(batch.images[image.name])))
        kind = SparseImage if fitted.config.model.name == "bdt" else torch.Tensor
        assert isinstance(batch.images[image.name], kind)
        assert sum(images() is not None for _, images in met) <= 2
        return score(batch)

    monkeypatch.setattr(fitted.model, "predict", predict)
    several = score_split(fitted, egamma_store, "train")
    assert [n for n, _ in met] == ([320] if fitted.config.model.name == "bdt" else [8] * 40)
    np.testing.assert_allclose(several.columns["p_electron"], alone.columns["p_electron"], atol=1e-5)
    met.clear()
    score_split(fitted, egamma_store, "train", change=lambda batch, number: batch)  # which might make hits dense
    assert [n for n, _ in met] == [8] * 40


def test_images_in_memory_and_from_the_store_score_alike(fitted, egamma_store):
    from_store = score_split(fitted, egamma_store, "test")
    assert scores(fitted, egamma_store.to_numpy("test")) == pytest.approx(from_store.columns["p_electron"], abs=1e-6)
    assert from_store.classes == ("photon", "electron")


def test_reloads_in_another_process(egamma_store, tmp_path):
    run = train(egamma_store.path, tmp_path / "run", model="mlp", set=[*TINY, "model.widths=[8]"])
    images = egamma_store.to_numpy("test")["ecal"]
    np.save(tmp_path / "images.npy", images)
    code = (
        "import numpy as np, pidcam, sys\n"
        f"p = pidcam.load_run({str(run.path)!r}).predict(np.load({str(tmp_path / 'images.npy')!r}))\n"
        f"np.save({str(tmp_path / 'scores.npy')!r}, p.columns['p_electron'])\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert np.load(tmp_path / "scores.npy") == pytest.approx(run.predict(images).columns["p_electron"], abs=1e-6)


def test_no_random_choice_is_left_when_predicting(fitted, egamma_store):
    arrays = egamma_store.to_numpy("valid")
    assert np.array_equal(scores(fitted, arrays), scores(fitted, arrays))


def test_wrong_shape_is_refused(fitted):
    with pytest.raises(DataError) as error:
        fitted.predict(np.zeros((3, 32, 32, 2), np.float32))
    assert str(error.value) == (
        f"run '{fitted.name}': image 'ecal' has shape (32, 32, 2) per event, the model takes (2, 32, 32); "
        "channels come first: np.moveaxis(images, -1, 1) turns channel-last images"
    )


def test_about_says_what_made_it(fitted, egamma_store):
    about = fitted.about
    assert about["split_fingerprint"] == egamma_store.manifest.fingerprint
    assert about["classes"] == ["photon", "electron"]
    assert about["state"] == "trained"
    assert about["parameters"] > 0
    assert about["fit_seconds"] > 0
    assert {"pidcam", "python", "packages", "git_commit", "created"} <= about.keys()


def test_unknown_key_names_the_nearest(egamma_store, tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown key 'training\.epoch'; did you mean 'training\.epochs'\?"):
        train(egamma_store.path, tmp_path / "run", set=["training.epoch=3"])
    with pytest.raises(UnknownNameError, match=r"model 'resnet': unknown key 'width'; did you mean 'widths'\?"):
        train(egamma_store.path, tmp_path / "run", set=["model.width=[8]"])
    assert not (tmp_path / "run").exists()


def test_no_run_and_unfinished_run_are_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such run; make one with: pidcam train STORE --out RUN"):
        pidcam.load_run(tmp_path / "nowhere")
