"""Which model to train where nobody said: what was measured best on the detector, or a rule where nothing was."""

from __future__ import annotations

import math

from pidcam.detectors.base import detectors
from pidcam.models.base import models
from pidcam.schema import EventSchema

AUTO = "auto"

MOST_CELLS = 1 << 18
"""Values of an event (cells times channels) above which images are taken as hits: 512 dense events would be 512 MiB."""


def choose_model(detector: str, schema: EventSchema) -> tuple[str, str]:
    """(model, why in words) for events of `schema`; `detector` may be one that nobody registered."""
    measured = detectors[detector]().measured if detector in detectors else None
    if measured and models[measured.best].misfit(schema) is None:
        auc, error = measured.auc[measured.best]
        others = f"the best of {len(measured.auc)} tried" if len(measured.auc) > 1 else "tried"
        return measured.best, f"{others} on {measured.sample}, test AUC {auc:.4f} ± {error:.4f}"
    name, what = by_rule(schema)
    return name, f"by rule, nothing was measured on this detector: {what}"


def by_rule(schema: EventSchema) -> tuple[str, str]:
    """(network, why in words): which one suits events of `schema`, whatever was measured."""
    if not schema.images:
        return "mlp", "events without images"
    points = [image.name for image in schema.images if image.storage == "points"]
    large = sum(math.prod(image.dense_shape) for image in schema.images) > MOST_CELLS
    if (points or large) and models["sparse-cnn"].misfit(schema) is None:
        what = f"image '{points[0]}' is kept as points" if points else "large images that are mostly empty"
        return "sparse-cnn", what
    if models["resnet"].misfit(schema) is None:
        return "resnet", "images of 1 to 3 axes"
    return "mlp", "images of more than 3 axes"
