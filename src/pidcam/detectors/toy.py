"""A toy whose best possible classifier is known: counts of two templates at an unknown place, on flat background."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

from pidcam.detectors.base import Detector, Measured, detectors
from pidcam.events import Cells, Dense, EventBatch
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, EventSchema, Image, ParticleClass

GRID = 12
"""Cells along each axis."""
TEMPLATE = 5
"""Cells that a template covers along each axis; it lies inside the grid, anywhere with equal probability."""
BACKGROUND = 0.3
"""Expected counts of background in every cell."""
SIGNAL = 15.0
"""Expected counts of the template, all cells together."""
WIDTHS = {"round": (1.0, 1.0), "long": (0.7, 1.5)}
"""Standard deviation in cells of the Gaussian template of each class along x and y."""


@lru_cache
def expected_counts() -> np.ndarray:
    """(classes, places, cells) expected counts in every cell for every class and place of the template."""
    distance = np.arange(TEMPLATE) - TEMPLATE // 2
    places = GRID - TEMPLATE + 1
    counts = np.full((len(WIDTHS), places, places, GRID, GRID), BACKGROUND)
    for k, (x, y) in enumerate(WIDTHS.values()):
        template = np.exp(-((distance[:, None] / x) ** 2 + (distance / y) ** 2) / 2)
        template *= SIGNAL / template.sum()
        for i in range(places):
            for j in range(places):
                counts[k, i, j, i : i + TEMPLATE, j : j + TEMPLATE] += template
    return counts.reshape(len(WIDTHS), places**2, GRID**2)


def log_likelihood(events: EventBatch) -> np.ndarray:
    """(n, classes) logarithm of the likelihood, summed over all places, without the factorials of the counts.

    ln sum_u prod_c lambda_uc^n_c exp(-lambda_uc): by Neyman and Pearson no classifier is better than the difference of
    the two.
    """
    image = events.images["counts"]
    dense = image.to_dense(IMAGE) if isinstance(image, Cells) else image
    assert isinstance(dense, Dense)
    counts, expected = dense.values.reshape(len(events), -1).astype(np.float64), expected_counts()
    return np.stack([logsumexp(counts @ np.log(each).T - each.sum(axis=1), axis=1) for each in expected], axis=1)


IMAGE = Image(
    name="counts",
    shape=(GRID, GRID),
    axes=("x", "y"),
    channels=(Channel(name="count", non_negative=True),),
)


@detectors.register("toy")
def toy() -> Detector:
    """12 x 12 cells with Poisson counts; the likelihood of both classes is known in closed form."""
    classes = tuple(ParticleClass(name=name) for name in WIDTHS)
    return Detector(
        name="toy",
        title="Toy, Poisson counts of two templates at an unknown place: its best classifier is known",
        schema=EventSchema(name="toy", images=(IMAGE,), classes=classes),
        layout=Layout(
            format="hdf5",
            images={"counts": ImageSource(key="counts", order="no-channel")},
            label=LabelSource(key="label", values=dict(enumerate(WIDTHS))),
        ),
        likelihood=log_likelihood,
        recipes={
            # the template is as large as two 3 x 3 convolutions see, and both of its axes may be mirrored; every
            # further weight learns the noise of the counts (benchmarks/toy.py)
            "resnet": {
                "model": {"widths": [24], "dropout": 0.0},
                "transforms": [{"name": "scale", "by": "rms"}, {"name": "flip", "axes": ["x", "y"]}],
                "training": {"epochs": 10, "batch_size": 256, "ema": 0.998},
            }
        },
        measured=Measured(  # benchmarks/results.py toy
            sample="14,000 simulated training events, networks for 8 epochs",
            auc={"resnet": (0.8436, 0.0061), "one-filter-cnn": (0.4974, 0.0091), "bdt": (0.7943, 0.0069)},
        ),
    )
