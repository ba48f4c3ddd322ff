"""The reference notebook's own Keras model, in an environment of its own, asked by benchmarks/training.py.

Reads `train` or `infer` line by line from stdin, answers with {"wall": seconds, "cpu": seconds, "events": n}.
Arguments: NumPy file of images (n, 32, 32, 2), threads.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCH = 512


def notebook_model() -> keras.Model:
    """868,993 parameters."""

    def start() -> keras.initializers.Initializer:
        return keras.initializers.TruncatedNormal(stddev=0.05)

    stack: list[object] = [keras.Input((32, 32, 2))]
    for filters in (32, 64, 128):
        conv = {"padding": "same", "activation": "relu"}
        stack += [layers.Conv2D(filters, 3, **conv, kernel_initializer=start()) for _ in range(2)]
        stack.append(layers.MaxPooling2D())
    stack.append(layers.Flatten())
    for width, dropout in ((256, 0.4), (128, 0.4), (128, 0.25), (64, 0.3)):
        stack += [layers.Dense(width, activation="relu", kernel_initializer=start()), layers.Dropout(dropout)]
    stack.append(layers.Dense(1, activation="sigmoid", kernel_initializer=start()))
    model = keras.Sequential(stack)
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    images, threads = np.load(sys.argv[1]), int(sys.argv[2])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = notebook_model()
    labels = (np.arange(len(images)) % 2).astype(np.float32)
    work: dict[str, Callable[[], object]] = {
        "train": lambda: model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0),
        "infer": lambda: model.predict(images, batch_size=BATCH, verbose=0),
    }
    for name in work:
        work[name]()
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__, "parameters": model.count_params()}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        work[line.strip()]()
        done = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "events": len(images)}
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
