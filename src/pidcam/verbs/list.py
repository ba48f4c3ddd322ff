"""`list`: what pidcam knows by name, with what plug-ins added."""

from __future__ import annotations

from typing import Any

from pidcam.errors import UnknownNameError

KINDS = ("detectors", "models", "tasks", "transforms", "steps", "formats", "simulators", "recipes")


def list_things(kind: str) -> list[dict[str, Any]]:
    """Every registered thing of a kind (one of `KINDS`), JSON-ready.

    Models come with the detectors they fit and their parameters there (None for trees, which grow), why they do not fit
    the others, and the detectors that they are the default of.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind", kind, KINDS)
    rows: list[dict[str, Any]] = globals()[f"_{kind}"]()
    return rows


def _detectors() -> list[dict[str, Any]]:
    from pidcam.detectors.base import detectors

    rows = []
    for name in detectors:
        detector = detectors[name]()
        images = {i.name: "x".join(map(str, i.shape)) + f" x {len(i.channels)}" for i in detector.schema.images}
        rows.append(
            {
                "name": name,
                "title": detector.title,
                "images": images,
                "features": [f.name for f in detector.schema.features],
                "classes": list(detector.schema.class_names),
            }
        )
    return rows


def _models() -> list[dict[str, Any]]:
    from pidcam.detectors.base import detectors
    from pidcam.models.base import models
    from pidcam.models.choice import choose_model
    from pidcam.models.count import parameters
    from pidcam.training.config import RunConfig

    made = {name: detectors[name]() for name in detectors}
    chosen = {name: choose_model(name, detector.schema)[0] for name, detector in made.items()}
    rows = []
    for name in models:
        entry, counts, misfits = models[name], {}, {}
        for detector, of in made.items():
            reason = entry.misfit(of.schema)
            if reason:
                misfits[detector] = reason
            else:
                counts[detector] = parameters(entry, of.schema, RunConfig(store="").build_task(of.schema).outputs)
        rows.append(
            {
                "name": name,
                "title": entry.title,
                "parameters": counts,
                "detectors": list(counts),
                "misfits": misfits,
                "takes_hits": entry.hits,
                "auto_for": [detector for detector, best in chosen.items() if best == name],
            }
        )
    return rows


def _tasks() -> list[dict[str, Any]]:
    from pidcam.tasks.base import tasks

    return [{"name": name, "title": _first_line(tasks[name]), "kind": tasks[name].kind} for name in tasks]


def _transforms() -> list[dict[str, Any]]:
    from pidcam.transforms.base import transforms

    return [
        {"name": name, "title": _first_line(transforms[name]), "augmentation": transforms[name].augmentation}
        for name in transforms
    ]


def _steps() -> list[dict[str, Any]]:
    from pidcam.steps.base import steps

    return [
        {"name": name, "title": _first_line(steps[name]), "options": list(steps[name].model_fields)} for name in steps
    ]


def _formats() -> list[dict[str, Any]]:
    from pidcam.formats.layout import formats

    return [{"name": name, "suffixes": list(formats[name].suffixes)} for name in formats]


def _simulators() -> list[dict[str, Any]]:
    from pidcam.simulators.base import simulators

    return [
        {
            "name": name,
            "title": simulators[name].title,
            "species": [s.name for s in simulators[name].species],
            "parameters": list(simulators[name].parameters.model_fields),
            "extra": simulators[name].extra,
        }
        for name in simulators
    ]


def _recipes() -> list[dict[str, Any]]:
    from pidcam.recipes.base import recipes

    return [
        {
            "name": name,
            "title": recipes[name].title,
            "detector": recipes[name].detector,
            "models": [m.name for m in recipes[name].models],
        }
        for name in recipes
    ]


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]
