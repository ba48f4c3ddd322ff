"""The demo over several seeds: the default model beside the reference CNN and boosted trees, tested on Geant4's events.

python benchmarks/egamma.py [--seeds 3] [--work DIR] runs the recipe `egamma` once a seed, on the same events, and
writes its table into docs/results.md. The last line is one JSON object: models -> mean test AUC, spread over seeds,
statistical error, mean fit time; differences to the reference with their paired DeLong errors, seed by seed.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import pidcam
from pidcam.cli.tables import duration, with_error
from pidcam.verbs.run import RecipeResult
from study import print_study

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results.md"
BEGIN, END = "% egamma: written by benchmarks/egamma.py\n", "% egamma: end\n"
HEAD = "| model | AUC on Geant4's events | spread over seeds | minus the reference, by seed | fit time |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", default="egamma")
    print_study(parser, study)


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    folders = {"data": work / "data", "stores": work / "stores", "runs": work / "runs"}
    result = pidcam.run(options.recipe, repeats=options.seeds, **folders)
    models = {model.name: over_seeds(result, model.name) for model in result.recipe.models}
    write(table(models, result))
    kept = result.store.manifest.accounting.kept
    return {"benchmark": "egamma", "events": kept, "reference": result.recipe.reference, "models": models}


def over_seeds(result: RecipeResult, model: str) -> dict[str, Any]:
    """What the runs of one model gave, seed by seed, and their mean."""
    seeds = [name.removeprefix(f"{model} ") for name in result.runs if name.startswith(f"{model} ")]
    runs = [result.runs[f"{model} {seed}"] for seed in seeds]
    tests = [result.metrics[f"{model} {seed}"]["test"] for seed in seeds]
    auc = [test["auc"] for test in tests]
    differences = []
    for seed, run in zip(seeds, runs, strict=True):
        if model != result.recipe.reference:
            reference = result.runs[f"{result.recipe.reference} {seed}"]
            paired = pidcam.compare([reference.path, run.path]).rows[1].paired
            differences.append({"difference": paired.auc.difference, "error": paired.auc.error, "sigma": paired.auc.z})
    return {
        "auc": statistics.mean(auc),
        "spread_over_seeds": statistics.stdev(auc) if len(auc) > 1 else None,
        "statistical_error": statistics.mean(test["auc_error"] for test in tests),
        "fit_seconds": statistics.mean(run.about["fit_seconds"] for run in runs),
        "differences": differences,
    }


def table(models: dict[str, dict[str, Any]], result: RecipeResult) -> str:
    kept = {split: sum(of.values()) for split, of in result.store.manifest.accounting.kept.items()}
    text = (
        f"{kept['train']:,} simulated training events, {kept['valid']:,} for validation, tested on {kept['test']:,} "
        f"events of Geant4; the recipe `{result.recipe.name}` over seeds. The error of an AUC is DeLong's, that of a "
        "difference knows that the events are the same.\n\n"
    )
    lines = [HEAD, "| --- | --- | --- | --- | --- |"]
    for name, of in models.items():
        spread = "-" if of["spread_over_seeds"] is None else f"{of['spread_over_seeds']:.4f}"
        pairs = ", ".join(f"{p['difference']:+.4f} ± {p['error']:.4f}" for p in of["differences"]) or "-"
        auc = with_error(of["auc"], of["statistical_error"])
        lines.append(f"| {name} | {auc} | {spread} | {pairs} | {duration(of['fit_seconds'])} |")
    notes = [f"- {name}: {note}." for name, note in result.notes.items()]
    return text + "\n".join([*lines, "", *notes]) + "\n"


def write(text: str) -> None:
    """In place of the last table."""
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{RESULTS} has no place for the table"
    RESULTS.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
