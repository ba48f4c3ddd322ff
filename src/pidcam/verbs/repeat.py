"""`train --repeats` and `--folds`: one training several times, with its spread; `evaluate` of such a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pidcam.analysis import over_seeds, plain
from pidcam.config import merge
from pidcam.errors import InputError
from pidcam.evaluation.tables import Table
from pidcam.files import write_json
from pidcam.progress import say
from pidcam.store.split import MAX_FOLDS, MIN_FOLDS
from pidcam.store.store import Store
from pidcam.tasks.base import scalar_metrics
from pidcam.training.config import resolve
from pidcam.training.group import Group, load_group
from pidcam.verbs.evaluate import evaluate
from pidcam.verbs.train import configuration, train

FOLDS = "--folds 5 (one tests, one validates, three train)"


def train_group(
    store: Path | str,
    out: Path | str,
    *,
    repeats: int | None = None,
    folds: int | None = None,
    config: Path | str | dict[str, Any] | None = None,
    set: Sequence[str] = (),
    **how: Any,
) -> Group:
    """`repeats` trainings that differ in the seed alone, or one for each of the `folds` of a store that has so many.

    Every member is a run of its own under `out` (`seed-0` ... or `fold-0` ...), with the arguments of `train`. Called
    again it goes on where it stopped. Raises `InputError` if the store has another number of folds.
    """
    out = Path(out)
    require_several(repeats, folds)
    given = configuration(config, set, model=how.get("model"), task=how.get("task"))
    if folds is not None:
        found = len(Store(store).manifest.folds)
        if found != folds:
            what = f"has {found} folds, not {folds}" if found else "has no folds"
            raise InputError(what, where=store, fix=f"prepare it with --split folds:{folds}")
        names = {f"fold-{k}": {"fold": k} for k in range(folds)}
    else:
        names = {f"seed-{seed}": _seeded(given, seed) for seed in _seeds(given, int(repeats or 0))}
    for number, (name, changed) in enumerate(names.items(), start=1):
        say(f"{out / name}: {number} of {len(names)}")
        train(store, out / name, config=merge(given, changed), **how)
    group = Group(out, "repeats" if folds is None else "folds", tuple(out / name for name in names))
    group.save()
    return group


def evaluate_group(path: Path | str, **options: Any) -> dict[str, Any]:
    """Evaluate every member, as `evaluate` does; returns and writes (`metrics.json`) mean and spread per split.

    Of every quantity: `mean`, `spread` over the members, `statistical` error (see `analysis.SeedSpread`), and under
    `members` the metrics of each. The test events of folds differ, those of repeats are the same.
    """
    group = load_group(path)
    metrics = {member.name: evaluate(member, **options) for member in group.members}
    summary: dict[str, Any] = {"kind": group.kind, "splits": {}, "members": metrics}
    splits = [name for name, of in next(iter(metrics.values())).items() if isinstance(of, dict) and "loss" in of]
    for split in splits:
        for key in scalar_metrics(next(iter(metrics.values()))[split]):
            values = [of[split].get(key) for of in metrics.values()]
            errors = [of[split].get(f"{key}_error") for of in metrics.values()]
            if None in values:
                continue
            spread = over_seeds(values, None if None in errors else errors, shared=group.kind == "repeats")
            summary["splits"].setdefault(split, {})[key] = plain(asdict(spread))
    write_json(group.path / "metrics.json", summary)
    return summary


def spread_table(summary: dict[str, Any]) -> Table:
    """Mean with its error, spread over the members and statistical error, for every split and quantity."""
    rows = tuple(
        (split, "AUC" if key == "auc" else key, (of["mean"], of["error_of_mean"]), of["spread"], of["statistical"])
        for split, quantities in summary["splits"].items()
        for key, of in quantities.items()
    )
    over = {"repeats": "seeds", "folds": "folds"}[summary["kind"]]
    columns = ("split", "quantity", "mean", f"spread over {over}", "statistical error")
    return Table("spread", f"{len(summary['members'])} {over}: {', '.join(summary['members'])}", columns, rows)


def require_several(repeats: int | None, folds: int | None) -> None:
    """`InputError` unless it is either so many repeats that they have a spread, or a number of folds."""
    if (repeats is None) == (folds is None):
        raise InputError("repeat with other seeds or on other folds, one of the two", fix="--repeats 5 or --folds 5")
    if repeats is not None and repeats < 2:
        raise InputError("a spread needs two repeats or more", where="--repeats", fix="--repeats 5")
    if folds is not None and not MIN_FOLDS <= folds <= MAX_FOLDS:
        raise InputError(f"{folds} is no number of folds from {MIN_FOLDS} to {MAX_FOLDS}", where="--folds", fix=FOLDS)


def _seeds(given: dict[str, Any], repeats: int) -> range:
    first = int(resolve("", given, {}).training.seed)
    return range(first, first + repeats)


def _seeded(given: dict[str, Any], seed: int) -> dict[str, Any]:
    """The seed of the loop, and that of a model which has its own (trees do)."""
    options = resolve("", given, {}).entry.options
    changed: dict[str, Any] = {"training": {"seed": seed}}
    return changed | ({"model": {"seed": seed}} if "seed" in options.model_fields else {})
