"""`evaluate`: a fitted run -> predictions, metrics and figures for every split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pidcam.errors import InputError, MismatchError
from pidcam.files import write_json
from pidcam.predictions import Predictions
from pidcam.progress import progress
from pidcam.store.store import Store
from pidcam.training.run import Run
from pidcam.verbs.figures import write_figures


def evaluate(run: Path | str | Run, data: Path | str | None = None) -> dict[str, Any]:
    """Score every split of the run's own store, or of another store `data`; returns the metrics per split.

    Writes `metrics.json`, `predictions/` and `figures/` into the run, for another store into the run's folder
    `evaluations/<store name>/`. Raises `MismatchError` if that store has other images or another class order.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    store = run.store() if data is None else Store(data)
    out = run.path if data is None else run.path / "evaluations" / store.path.resolve().name
    if data is not None:
        run.schema.require_same_inputs(store.schema, where=str(store.path))
        run.schema.require_same_classes(store.schema, where=str(store.path))
        _require_no_overlap(run, store)
    splits = [s for s in store.splits if store.manifest.events(s)]
    predictions: dict[str, Predictions] = {}
    with progress("evaluating", sum(store.manifest.events(s) for s in splits)) as bar:
        for split in splits:
            bar.note(split)
            predictions[split] = score_split(run, store, split)
            predictions[split].save(out / "predictions" / f"{split}.parquet")
            bar.advance(store.manifest.events(split))
    metrics = {split: run.task.metrics(p) for split, p in predictions.items()}
    write_json(out / "metrics.json", metrics)
    write_figures(run, store, predictions, out / "figures")
    return metrics


def score_split(run: Run, store: Store, split: str) -> Predictions:
    """Predictions for one split in stored order, in fp32 and evaluation mode."""
    files = tuple(source.name for source in store.manifest.sources)
    loader = run.loader(store, split)
    loader.change = None  # predict_batches applies the transforms
    return run.predict_batches(loader, files)


def _require_no_overlap(run: Run, store: Store) -> None:
    """Another store made of the same raw files would be scored on events that the model was trained on."""
    try:
        own = run.store()
    except InputError:  # the training store is gone: then only the store itself can be compared
        return
    if own.manifest.fingerprint == store.manifest.fingerprint:
        return
    shared = {s.fingerprint: s.name for s in own.manifest.sources}.items() & {
        (s.fingerprint, s.name) for s in store.manifest.sources
    }
    if shared:
        name = sorted(shared)[0][1]
        raise MismatchError(
            f"was made from '{name}', which the run was trained on, with another split",
            where=store.path,
            fix="evaluate on the run's own store (leave --data out) or on a store of other files",
        )
