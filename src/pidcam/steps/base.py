"""Named changes to raw events as they are read, in whatever process reads them: calibrations, thresholds.

A step belongs to the layout of the raw files, so that it is made wherever they are read: preparing, inspecting,
predicting. What happens to a batch on the device is a transform (`pidcam.transforms`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.config import parse
from pidcam.errors import ConfigError, PidcamError
from pidcam.events import EventBatch
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Spec


class Step(Spec):
    """Base of all steps: typed options plus a call; a subclass is registered by name with `@steps.register(name)`."""

    def check(self, schema: EventSchema) -> None:
        """Raise `InputError` if the options do not fit the events."""

    def __call__(self, events: EventBatch, schema: EventSchema) -> EventBatch:
        """The changed events: as many, in their order, of the same schema. Images are as the file gives them."""
        raise NotImplementedError


steps: Registry[type[Step]] = Registry("step", "pidcam.steps")


def build_steps(configs: Sequence[Mapping[str, Any]], schema: EventSchema) -> list[tuple[str, Step]]:
    """From `[{name: threshold, minimum: 0.1}, ...]`; `ConfigError` or `UnknownNameError` for one that does not fit."""
    built = []
    for config in configs:
        name = config.get("name")
        if not name:
            raise ConfigError("a step needs a name", where="steps", fix=f"known: {', '.join(steps)}")
        step = parse(steps[str(name)], {k: v for k, v in config.items() if k != "name"}, where=f"step '{name}'")
        step.check(schema)
        built.append((str(name), step))
    return built


def take_steps(
    built: Sequence[tuple[str, Step]], events: EventBatch, schema: EventSchema, *, where: Path
) -> EventBatch:
    """The events after all steps; `PidcamError` names a step that loses, adds or reorders events."""
    for name, step in built:
        changed = step(events, schema)
        if not np.array_equal(changed.row, events.row):
            raise PidcamError(f"{where}: step '{name}' changed which events there are; drop events with --select")
        events = changed
    return events
