"""The reference notebook's own Keras model and recipe, in an environment of its own, for benchmarks/quality.py.

Arguments: folder with train_x, train_y, valid_x, valid_y and test_x (.npy, images channel-last), threads, seed, epochs.
Prints a JSON line per epoch, with the seconds of training until its end (scoring the validation events, which the
recipe's schedule needs, included), and writes the test scores of the best weights as scores.npy.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training_keras import BATCH, notebook_model


class Told(keras.callbacks.Callback):
    """Prints what an epoch gave."""

    def __init__(self) -> None:
        super().__init__()
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        print(json.dumps({"epoch": epoch + 1, "seconds": time.perf_counter() - self.start, **values}), flush=True)


def main() -> None:
    folder, threads, seed, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(seed)
    train, valid = ([np.load(folder / f"{split}_{part}.npy") for part in "xy"] for split in ("train", "valid"))
    model = notebook_model()
    model.compile(
        keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")]
    )
    recipe = [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_delta=1e-4, cooldown=1, min_lr=1e-10),
        keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True),
    ]
    model.fit(
        *train, batch_size=BATCH, epochs=epochs, validation_data=tuple(valid), verbose=0, callbacks=[*recipe, Told()]
    )
    np.save(folder / "scores.npy", model.predict(np.load(folder / "test_x.npy"), batch_size=BATCH, verbose=0)[:, 0])


if __name__ == "__main__":
    main()
