"""Do the options of prepare fit the events? Every fault is told before anything is read."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from pidcam.detectors.base import Detector
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.expressions import parse_selection
from pidcam.schema import EventSchema, Image
from pidcam.steps.base import build_steps
from pidcam.store.options import PrepareOptions
from pidcam.store.plan import FILE
from pidcam.store.split import Split
from pidcam.store.weights import WHERE, Spectrum
from pidcam.variables import known_variables


def adapted(detector: Detector, options: PrepareOptions) -> Detector:
    """The detector with the steps and the storage of images that the options ask for."""
    schema, layout = detector.schema, detector.layout
    for name in options.storage:
        schema.image(name)
    images = tuple(_kept_as(i, options.storage[i.name]) if i.name in options.storage else i for i in schema.images)
    schema = schema.model_copy(update={"images": images})
    layout = layout.model_copy(update={"steps": (*layout.steps, *options.steps)})
    build_steps(layout.steps, schema)
    return replace(detector, schema=schema, layout=layout)


def whole_by(detector: Detector, split: Split, options: PrepareOptions) -> str | None:
    """The file or column by which events stay together: what the options say, else the detector, unless the split is
    a published one."""
    return options.split_by or (None if split.method == "official" else detector.split_by)


def wanted_columns(schema: EventSchema, split: Split, options: PrepareOptions, whole: str | None) -> tuple[str, ...]:
    """What the plan must know of every event beside its class; `whole` is what they stay together by.
    `UnknownNameError` for a column or class that the events do not have, `ConfigError` for options that contradict each
    other."""
    known = known_variables(schema)
    if options.select is not None:
        parse_selection(options.select, known)
    spectra = [Spectrum.of(text).column for text in options.reweight]
    for name in spectra:
        if name not in known:
            raise UnknownNameError("column", name, known, where=WHERE)
    if options.reference is not None and not options.reweight:
        raise ConfigError("says whose spectrum, but not of what", where="--reference", fix="add --reweight COLUMN")
    of_class = [("--mix", options.mix), ("--class-weight", options.class_weight), ("--reference", [options.reference])]
    for where, classes in of_class:
        for name in filter(None, classes):
            if name not in schema.class_names:
                raise UnknownNameError("class", name, schema.class_names, where=where)
    if options.mix and not any(options.mix.values()):
        raise ConfigError("leaves no class", where="--mix", fix="write for example electron=1,photon=2")
    group = options.split_by
    if group is not None and split.method in ("official", "hash"):
        fix = "split by fractions or folds instead"
        what = f"the split '{split.method}' says for itself where every event goes"
        raise ConfigError(what, where="--split-by", fix=fix)
    if group not in (None, FILE, *known):
        raise UnknownNameError("column", str(group), (FILE, *known), where="--split-by")
    return tuple(dict.fromkeys([*spectra, *([whole] if whole and whole != FILE else [])]))


def _kept_as(image: Image, storage: str) -> Image:
    try:
        return Image.model_validate({**image.model_dump(), "storage": storage})
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(message, where="--storage") from None
