"""A model on hits gets them from the store as they are kept, and scores raw files, arrays and stores alike."""

import numpy as np

from pidcam.batch import SparseImage
from pidcam.store.store import Store
from pidcam.training.run import Run
from pidcam.verbs.train import train

SMALL = ["training.epochs=1", "training.limit=64", "training.precision=fp32", "model.widths=[4,8]"]


def test_hits_from_the_store_and_dense_arrays_have_the_same_scores(egamma_store: Store, tmp_path):
    run = train(egamma_store.path, tmp_path / "run", model="sparse-cnn", set=SMALL)
    again = Run.load(run.path)
    assert egamma_store.manifest.storage == {"ecal": "cells"}
    loader = again.loader(egamma_store, "valid")
    assert all(isinstance(batch.images["ecal"], SparseImage) for batch in loader)
    loader.change = None
    from_hits = again.predict_batches(loader)
    from_arrays = again.predict(egamma_store.to_numpy("valid")["ecal"])
    for name, column in from_hits.columns.items():
        np.testing.assert_allclose(column, from_arrays.columns[name], atol=1e-6)
