"""`run`: a recipe, from raw files to a report, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pidcam.analysis import AucComparison
from pidcam.config import merge
from pidcam.errors import InputError
from pidcam.files import find_files
from pidcam.progress import say
from pidcam.recipes.base import Recipe, load_recipe, recipes
from pidcam.store.store import Store
from pidcam.training.run import Run
from pidcam.verbs.compare import compare
from pidcam.verbs.evaluate import evaluate
from pidcam.verbs.prepare import QUICK_LIMIT, prepare
from pidcam.verbs.report import report
from pidcam.verbs.simulate import simulate
from pidcam.verbs.train import train


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made; `comparisons` are paired, on the test events, each model against the reference."""

    recipe: Recipe
    store: Store
    runs: list[Run]
    metrics: dict[str, dict[str, Any]]
    comparisons: dict[str, AucComparison]
    report: Path

    def as_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "store": str(self.store.path),
            "runs": {name: str(r.path) for name, r in zip(self.metrics, self.runs, strict=True)},
            "metrics": self.metrics,
            "fit_seconds": {n: r.about.get("fit_seconds") for n, r in zip(self.metrics, self.runs, strict=True)},
            "reference": self.recipe.reference,
            "comparisons": {name: asdict(c) for name, c in self.comparisons.items()},
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
    quick: bool = False,
) -> RecipeResult:
    """Simulate or find raw files, prepare, train, evaluate and report what `recipe` (a name, or a YAML file) says.

    `files` replace the recipe's samples, to learn from and to test on (then in the detector's split); `models` picks
    some of its models; `set` are `key.sub=value` for all. Simulated files go into the folder `data`. What is finished
    already is taken as it is, what was stopped goes on; nothing is overwritten.
    """
    said = load_recipe(Path(recipe)) if str(recipe).endswith((".yaml", ".yml")) else recipes[str(recipe)]
    chosen = [m for m in said.models if not models or m.name in models]
    if missing := [m for m in models if m not in {x.name for x in said.models}]:
        known = ", ".join(m.name for m in said.models)
        raise InputError(f"recipe '{said.name}' has no model '{missing[0]}'", fix=f"it has: {known}")
    name = f"{said.name}-quick" if quick else said.name
    given = [Path(file) for file in files]
    learn, judge = (given, []) if files else _samples(said, Path(data) / name, quick)
    options = dict(said.prepare)
    if said.test and not judge:
        options.pop("split", None)  # it was made for a test sample of its own
    store = prepare(said.detector, learn, Path(stores) / name, test=judge, quick=quick, **options)
    done, metrics = [], {}
    for model in chosen:
        config = merge({"model": {"name": model.name}}, model.config)
        out = Path(runs) / f"{said.name}-{model.name}{'-quick' if quick else ''}"
        fitted = train(store.path, out, config=config, set=set, quick=quick)
        evaluated = (out / "metrics.json").exists()
        metrics[model.name] = fitted.metrics if evaluated else evaluate(fitted, train_events=said.train_events)
        done.append(fitted)
    paths = {m.name: r.path for m, r in zip(chosen, done, strict=True)}
    comparisons = _against_reference(paths, said.reference)
    page = report(
        [r.path for r in done],
        out=Path(runs) / f"{name}.html",
        reference=paths[said.reference].resolve().name if said.reference in paths else None,
    )
    return RecipeResult(said, store, done, metrics, comparisons, page)


def _samples(said: Recipe, out: Path, quick: bool) -> tuple[list[Path], list[Path]]:
    """Raw files to learn from and to test on, as the recipe says; what it simulates is made in the folder `out`."""
    judge = _find(said, said.test)
    if said.simulate is None:
        return _find(said, said.files), judge
    n = min(said.simulate.n, QUICK_LIMIT) if quick else said.simulate.n
    made = simulate(said.detector, n, out, seed=said.simulate.seed, **said.simulate.parameters)
    return made.files, judge


def _find(said: Recipe, patterns: Sequence[str]) -> list[Path]:
    try:
        return [path for pattern in patterns for path in find_files(pattern)]
    except InputError as error:
        fix = f"give raw files (pidcam run {said.name} FILES...) or fetch them (pidcam download {said.detector})"
        raise InputError(error.what, where=f"recipe '{said.name}'", fix=fix) from error


def _against_reference(paths: dict[str, Path], reference: str | None) -> dict[str, AucComparison]:
    """{model: its test AUC against the reference's}; empty, with the reason told, where they cannot be compared."""
    if reference not in paths or len(paths) < 2:
        return {}
    try:
        result = compare(list(paths.values()), reference=paths[reference].resolve().name)
    except InputError as error:
        say(f"no comparison: {error}")
        return {}
    models = {path.resolve().name: name for name, path in paths.items()}
    return {models[row.name]: row.paired.auc for row in result.rows if row.paired and row.paired.auc}
