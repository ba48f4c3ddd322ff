"""`run`: a recipe, from raw files to a report, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pidcam.analysis import AucComparison, plain
from pidcam.config import merge
from pidcam.errors import InputError
from pidcam.evaluation.groups import OverMembers
from pidcam.files import find_files, read_json
from pidcam.progress import say
from pidcam.recipes.base import Recipe, load_recipe, recipes
from pidcam.store.store import Store
from pidcam.training.run import Run
from pidcam.verbs.compare import compare, compare_groups
from pidcam.verbs.evaluate import evaluate
from pidcam.verbs.prepare import QUICK_LIMIT, prepare
from pidcam.verbs.repeat import evaluate_group, require_several, train_group
from pidcam.verbs.report import report
from pidcam.verbs.simulate import simulate
from pidcam.verbs.train import train


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made: `runs` and `metrics` by model, or by `model seed-0` ... where it was repeated; then `spread`
    has what `evaluate_group` gives of each model. `comparisons` are paired, on the test events, each model against the
    reference: run with run, or all seeds or folds with all."""

    recipe: Recipe
    store: Store
    runs: dict[str, Run]
    metrics: dict[str, dict[str, Any]]
    spread: dict[str, dict[str, Any]]
    comparisons: dict[str, AucComparison | OverMembers]
    report: Path

    @property
    def notes(self) -> dict[str, str]:
        """{model: what is to be read with its row}, as its runs were made with it."""
        return {name.split(" ")[0]: run.about["note"] for name, run in self.runs.items() if "note" in run.about}

    def as_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "store": str(self.store.path),
            "runs": {name: str(run.path) for name, run in self.runs.items()},
            "metrics": self.metrics,
            "notes": self.notes,
            "fit_seconds": {name: run.about.get("fit_seconds") for name, run in self.runs.items()},
            "spread": {model: of["splits"] for model, of in self.spread.items()},
            "reference": self.recipe.reference,
            "comparisons": plain(self.comparisons),
            "report": str(self.report),
        }


def run(
    recipe: str | Path,
    files: Sequence[Path | str] = (),
    *,
    data: Path | str = "data",
    stores: Path | str = "stores",
    runs: Path | str = "runs",
    models: Sequence[str] = (),
    set: Sequence[str] = (),
    repeats: int | None = None,
    folds: int | None = None,
    quick: bool = False,
) -> RecipeResult:
    """Simulate or find raw files, prepare, train, evaluate and report what `recipe` (a name, or a YAML file) says.

    `files` replace the recipe's samples, to learn from and to test on (then in the detector's split); `models` picks
    some of its models; `set` are `key.sub=value` for all. `repeats` trains every model with so many seeds, `folds` on
    every one of so many folds (of recipes without test files of their own), for the spread. Simulated files go into the
    folder `data`. What is finished already is taken as it is, what was stopped goes on; nothing is overwritten.
    """
    said = load_recipe(Path(recipe)) if str(recipe).endswith((".yaml", ".yml")) else recipes[str(recipe)]
    chosen = [m for m in said.models if not models or m.name in models]
    if missing := [m for m in models if m not in {x.name for x in said.models}]:
        known = ", ".join(m.name for m in said.models)
        raise InputError(f"recipe '{said.name}' has no model '{missing[0]}'", fix=f"it has: {known}")
    if repeats is not None or folds is not None:
        require_several(repeats, folds)
    if folds is not None and said.test and not files:
        what = f"recipe '{said.name}' tests on files of their own"
        raise InputError(what, fix="take --repeats in place of --folds")
    name = f"{said.name}-quick" if quick else said.name
    given = [Path(file) for file in files]
    learn, judge = (given, []) if files else _samples(said, Path(data) / name, quick)
    options = dict(said.prepare)
    if said.test and not judge:
        options.pop("split", None)  # it was made for a test sample of its own
    if folds is not None:
        options["split"], name = f"folds:{folds}", f"{name}-folds-{folds}"
    store = prepare(said.detector, learn, Path(stores) / name, test=judge, quick=quick, **options)
    name += f"-repeats-{repeats}" if repeats is not None else ""
    done: dict[str, Run] = {}
    metrics: dict[str, dict[str, Any]] = {}
    spread: dict[str, dict[str, Any]] = {}
    made: dict[str, Path] = {}
    for model in chosen:
        out = Path(runs) / name.replace(said.name, f"{said.name}-{model.name}", 1)
        how: dict[str, Any] = {"config": merge({"model": {"name": model.name}}, model.config), "set": set}
        how["note"] = "" if quick else model.note  # of a smoke run `train` says how short it is
        if repeats is None and folds is None:
            members = {model.name: train(store.path, out, quick=quick, **how).path}
        else:
            group = train_group(store.path, out, repeats=repeats, folds=folds, quick=quick, **how)
            members = {f"{model.name} {member.name}": member for member in group.members}
            told = group.path / "metrics.json"
            spread[model.name] = (
                read_json(told) if told.exists() else evaluate_group(group.path, train_events=said.train_events)
            )
        made[model.name] = out
        for member, path in members.items():
            done[member] = Run.load(path)
            evaluated = (path / "metrics.json").exists()
            metrics[member] = done[member].metrics if evaluated else evaluate(path, train_events=said.train_events)
    comparisons = _against_reference(made, said.reference, several=bool(spread))
    page = report(
        list(made.values()),
        out=Path(runs) / f"{name}.html",
        reference=str(made[said.reference]) if said.reference in made else None,
    )
    return RecipeResult(said, store, done, metrics, spread, comparisons, page)


def _samples(said: Recipe, out: Path, quick: bool) -> tuple[list[Path], list[Path]]:
    """Raw files to learn from and to test on, as the recipe says; what it simulates is made in the folder `out`."""
    judge = _find(said, said.test)
    if said.simulate is None:
        return _find(said, said.files), judge
    n = min(said.simulate.n, QUICK_LIMIT) if quick else said.simulate.n
    about = said.simulate
    made = simulate(said.detector, n, out, species=about.species or None, seed=about.seed, **about.parameters)
    return made.files, judge


def _find(said: Recipe, patterns: Sequence[str]) -> list[Path]:
    try:
        return [path for pattern in patterns for path in find_files(pattern)]
    except InputError as error:
        fix = f"give raw files (pidcam run {said.name} FILES...) or fetch them (pidcam download {said.detector})"
        raise InputError(error.what, where=f"recipe '{said.name}'", fix=fix) from error


def _against_reference(
    paths: dict[str, Path], reference: str | None, *, several: bool
) -> dict[str, AucComparison | OverMembers]:
    """{model: its test AUC against the reference's}; empty, with the reason told, where they cannot be compared."""
    if reference not in paths or len(paths) < 2:
        return {}
    others = [name for name in paths if name != reference]
    asked = [paths[name] for name in (reference, *others)]
    try:
        if several:
            areas: list[AucComparison | OverMembers | None] = [row.auc for row in compare_groups(asked).rows[1:]]
        else:
            areas = [row.paired.auc if row.paired else None for row in compare(asked).rows[1:]]
    except InputError as error:
        say(f"no comparison: {error}")
        return {}
    return {name: area for name, area in zip(others, areas, strict=True) if area is not None}
