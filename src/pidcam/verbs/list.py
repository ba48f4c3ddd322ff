"""`list`: what pidcam knows by name, with what plug-ins added."""

from __future__ import annotations

from typing import Any

from pidcam.errors import UnknownNameError

KINDS = ("detectors", "models", "tasks", "transforms", "steps", "formats", "simulators", "recipes")


def list_things(kind: str) -> list[dict[str, Any]]:
    """Every registered thing of a kind (one of `KINDS`), JSON-ready.

    Models come with the detectors they fit and their number of parameters there (None for trees, which grow).
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
    import torch

    from pidcam.detectors.base import detectors
    from pidcam.models.base import models
    from pidcam.training.config import RunConfig

    rows = []
    for name in models:
        parameters: dict[str, int | None] = {}
        for detector in detectors:
            schema = detectors[detector]().schema
            if models[name].misfit(schema):
                continue
            task = RunConfig(store="").build_task(schema)
            with torch.device("meta"):  # counts, without making the weights
                module = models[name](schema, task.outputs)
            torch_made = isinstance(module, torch.nn.Module)
            parameters[detector] = sum(p.numel() for p in module.parameters()) if torch_made else None
        rows.append(
            {"name": name, "title": models[name].title, "parameters": parameters, "detectors": list(parameters)}
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
