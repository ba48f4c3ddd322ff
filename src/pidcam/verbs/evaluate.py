"""`evaluate`: a fitted run -> predictions, metrics and figures for every split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pidcam.errors import DataError, InputError, MismatchError
from pidcam.evaluation.against import against
from pidcam.evaluation.optimum import optimum
from pidcam.evaluation.rescored import input_importance, shifted_test
from pidcam.evaluation.sample import clean
from pidcam.evaluation.scores import score_split
from pidcam.evaluation.sections import Gaps, Judged, make_sections
from pidcam.evaluation.shifts import Shift, parse_shift
from pidcam.evaluation.summary import metrics_tables
from pidcam.evaluation.tables import check_format, table_text
from pidcam.evaluation.variables import parse_binning, unit_of
from pidcam.files import read_json, write_json, write_text
from pidcam.predictions import Predictions
from pidcam.progress import progress
from pidcam.schema import EventSchema
from pidcam.store.store import Store
from pidcam.training.calibration import TEMPERATURE
from pidcam.training.run import Run
from pidcam.verbs.figures import saliency_section, write_figures

__all__ = ["evaluate", "score_split"]


@dataclass(frozen=True)
class Request:
    """What is asked for beyond the sections of the task, checked against the schema of the events."""

    by: dict[str, tuple[float, ...] | None]
    by_text: dict[str, str]
    shifts: list[Shift]
    importance: bool
    saliency: bool

    @classmethod
    def of(
        cls, schema: EventSchema, by: Sequence[str], shift: Sequence[str], importance: bool, saliency: bool
    ) -> Request:
        binnings = dict(parse_binning(text) for text in by)
        for name in binnings:
            unit_of(name, schema)
        asked = {parse_binning(text)[0]: text for text in by}
        return cls(binnings, asked, [parse_shift(text, schema) for text in shift], importance, saliency)


def evaluate(
    run: Path | str | Run,
    data: Path | str | None = None,
    *,
    by: Sequence[str] = (),
    shift: Sequence[str] = (),
    importance: bool = False,
    saliency: bool = False,
    train_events: int | None = None,
    table: str | None = None,
) -> dict[str, Any]:
    """Score every split of the run's own store, or of another store `data`; returns the content of metrics.json.

    by: variables to bin everything in, `energy` or with edges `energy:0,10,50` (see `evaluation.variables`); shift:
    changes of the detector such as `scale=1.02` (see `evaluation.shifts`); importance: shuffle parts of the input;
    saliency: integrated gradients of the worst mistakes; train_events: at most so many events of the training split are
    scored, to save time; table: `tex` or `csv` tables beside the figures.

    Writes `metrics.json` (docs/metrics.md), `predictions/`, `figures/`, `tables/` and `temperature.json` into the run,
    for another store into the run's folder `evaluations/<store name>/`, where thresholds and temperature are those of
    the run's own validation split. What cannot be made is named under `warnings`; what was made on request before and
    is not asked for now is kept. Raises `MismatchError` if that store has other images or another class order.
    """
    run = run if isinstance(run, Run) else Run.load(run)
    store = run.store() if data is None else Store(data)
    out = run.path if data is None else run.path / "evaluations" / store.path.resolve().name
    if data is not None:
        run.schema.require_same_inputs(store.schema, where=str(store.path))
        run.schema.require_same_classes(store.schema, where=str(store.path))
        _require_no_overlap(run, store)
        _require_classes(run, store)
    request = Request.of(store.schema, by, shift, importance, saliency)
    form = check_format(table) if table else None
    gaps = Gaps()
    scored = _score(run, store, out, tuple(request.by), train_events)
    splits, metrics = _judge(run, scored, gaps)
    names = run.task.sections
    judged = Judged(run.task, splits)
    if data is not None:
        judged = Judged(run.task, {k: v for k, v in splits.items() if k == "test"} | _own_valid(run, gaps))
        names = tuple(name for name in names if name != "overtraining")  # none of these events was trained on
    metrics |= make_sections(names, judged, gaps)
    if best := gaps.attempt("optimum", lambda: optimum(store, Judged(run.task, splits), gaps.warn("optimum"))):
        metrics["optimum"] = best
    metrics |= _on_request(request, run, store, judged, out, gaps)
    _keep_earlier(out / "metrics.json", metrics, gaps)
    write_figures(run, store, splits, out / "figures", metrics, gaps)
    metrics["warnings"] = dict(gaps)
    write_json(out / "metrics.json", metrics)
    if data is None:
        _keep_temperature(out / TEMPERATURE, metrics.get("calibration", {}).get("temperature"))
    for each in metrics_tables(metrics) if form else ():
        write_text(out / "tables" / f"{each.name}.{form}", table_text(each, str(form)))
    return metrics


def _score(run: Run, store: Store, out: Path, by: tuple[str, ...], train_events: int | None) -> dict[str, Predictions]:
    events = {s: store.manifest.events(s) for s in store.splits if store.manifest.events(s)}
    if train_events is not None and "train" in events:
        events["train"] = min(train_events, events["train"])
    scored = {}
    with progress("evaluating", sum(events.values())) as bar:
        for split, n in events.items():
            bar.note(split)
            scored[split] = score_split(run, store, split, by=by, limit=n)
            scored[split].save(out / "predictions" / f"{split}.parquet")
            bar.advance(n)
    return scored


def _judge(run: Run, scored: dict[str, Predictions], gaps: Gaps) -> tuple[dict[str, Predictions], dict[str, Any]]:
    """The events that can be judged, and the task's metrics of them, per split; the rest is named in `gaps`."""
    splits, metrics = {}, {}
    for split, predictions in scored.items():
        try:
            predictions, lines = clean(run.task, predictions, split)
            for line in lines:
                gaps.warn(split)(line)
            metrics[split] = run.task.metrics(predictions)
            splits[split] = predictions
        except InputError as error:
            gaps.warn(split)(str(error))
    if not splits:
        reasons = "; ".join(line for lines in gaps.values() for line in lines)
        raise InputError(f"no split can be judged: {reasons}", where=run.path)
    return splits, metrics


def _own_valid(run: Run, gaps: Gaps) -> dict[str, Predictions]:
    """The run's own validation split: another store shall not choose its own thresholds."""
    path = run.path / "predictions" / "valid.parquet"
    if not path.exists():
        gaps.warn("valid")(f"the run's own validation split was not scored; run: pidcam evaluate {run.path}")
        return {}
    return {"valid": clean(run.task, Predictions.load(path), "valid")[0]}


def _on_request(request: Request, run: Run, store: Store, judged: Judged, out: Path, gaps: Gaps) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, edges in request.by.items():
        place, unit = f"by {name}", unit_of(name, store.schema)
        section = gaps.attempt(
            place,
            lambda n=name, e=edges, p=place, u=unit: against(judged, n, gaps.warn(p), edges=e, unit=u),  # type: ignore[misc]
        )
        if section is not None:
            made.setdefault("by", {})[name] = {"asked": request.by_text[name], **section}
    if request.shifts:
        warn = gaps.warn("robustness")
        made["robustness"] = gaps.attempt("robustness", lambda: shifted_test(run, store, judged, request.shifts, warn))
    if request.importance:
        made["importance"] = gaps.attempt(
            "importance", lambda: input_importance(run, store, judged, gaps.warn("importance"))
        )
    if request.saliency:
        made["saliency"] = gaps.attempt(
            "saliency", lambda: saliency_section(run, store, judged, out / "figures", gaps.warn("saliency"))
        )
    return {name: section for name, section in made.items() if section is not None}


def _keep_temperature(path: Path, temperature: dict[str, Any] | None) -> None:
    if temperature is None:
        path.unlink(missing_ok=True)  # an earlier one would not belong to these scores
    else:
        write_json(path, temperature)


def _keep_earlier(path: Path, metrics: dict[str, Any], gaps: Gaps) -> None:
    """Sections made on request earlier stay, as long as they speak of the same scores."""
    earlier = read_json(path) if path.exists() else {}
    if any(earlier.get(split) != metrics[split] for split in metrics if "loss" in metrics[split]):
        return
    for name in ("by", "robustness", "importance", "saliency"):
        if name in earlier and name not in metrics:
            metrics[name] = earlier[name]
            for place, lines in earlier.get("warnings", {}).items():
                if place.split()[0] == name:
                    gaps.setdefault(place, lines)


def _require_classes(run: Run, store: Store) -> None:
    """Of a single class nothing can be told apart."""
    kept = store.manifest.accounting.kept.values()
    groups = run.task.selection.groups
    present = [name for name, members in groups if any(split.get(m) for split in kept for m in members)]
    if run.task.signals and len(present) == 1:
        raise DataError(
            f"holds only class '{present[0]}', and a classifier is judged by telling classes apart",
            where=store.path,
            fix=f"take a store of several classes, or score this one with: pidcam predict {run.path} {store.path}",
        )


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
