"""The table and the picture of the README, from the runs of the demo: `make demo` first.

python benchmarks/demo.py [--recipe egamma] trains nothing that is there already. It writes the table into README.md,
in place of what is there, and the picture docs/images/demo.png. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

import pidcam
from pidcam import analysis
from pidcam.cli.tables import duration, with_error
from pidcam.predictions import Predictions
from pidcam.reports.style import colour, line, new_figure, style
from pidcam.store.store import Store
from pidcam.verbs.run import RecipeResult

ROOT = Path(__file__).parents[1]
PICTURE = "docs/images/demo.png"
BEFORE, AFTER = "a page that opens offline.\n", "Or step by step:\n"
HEAD = "| model | accuracy, train | accuracy, test | AUC, train | AUC, test | fit time |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="egamma")
    result = pidcam.run(parser.parse_args().recipe)
    table = markdown(result)
    print(table)
    write_readme(table)
    draw(result, ROOT / PICTURE)
    shown = ("accuracy", "accuracy_error", "auc", "auc_error")
    models = {
        name: {split: {k: of[split][k] for k in shown} for split in ("train", "valid", "test")}
        for name, of in result.metrics.items()
    }
    print(json.dumps({"benchmark": "demo", "models": models, "fit_seconds": result.as_json()["fit_seconds"]}))


def write_readme(table: str) -> None:
    """Table and picture stand between the paragraph about the demo and the single steps."""
    path = ROOT / "README.md"
    before, first, rest = path.read_text(encoding="utf-8").partition(BEFORE)
    _, after, end = rest.partition(AFTER)
    assert first, "README.md has no paragraph about the demo"
    assert after, "README.md has no single steps"
    shown = f"{table}\n![Mean images of photons and electrons, and the ROC curves of the models]({PICTURE})\n"
    path.write_text(f"{before}{first}\n{shown}\n{after}{end}", encoding="utf-8")


def markdown(result: RecipeResult) -> str:
    """One row per model."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- |"]
    for run, (name, of) in zip(result.runs.values(), result.metrics.items(), strict=True):
        cells = [with_error(of[s][k], of[s][f"{k}_error"], 3) for k in ("accuracy", "auc") for s in ("train", "test")]
        lines.append(" | ".join(["| " + name, *cells, duration(run.about["fit_seconds"]) + " |"]))
    notes = [f"- {name}: {note}." for name, note in result.notes.items()]
    return "\n".join([*lines, "", *notes]) + "\n"


def draw(result: RecipeResult, path: Path) -> None:
    """Two events as the detector sees them, mean images, and what the models make of them."""
    tests = {name: Predictions.load(run.path / "predictions" / "test.parquet") for name, run in result.runs.items()}
    path.parent.mkdir(exist_ok=True)
    with style():
        figure = new_figure(11.0, 3.4)
        left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
        _images(left.subplots(1, 3), result.store)
        _roc(right.subplots(), tests)
        figure.savefig(path, dpi=150)


def _images(axes: np.ndarray, store: Store) -> None:
    arrays = store.to_numpy("test")
    energy, label = arrays["ecal"][:, 0], arrays["label"]
    classes = store.schema.class_names
    middle = slice(8, 24)
    means = [energy[label == k].mean(axis=0)[middle, middle] for k in range(2)]
    norm = LogNorm(1e-5, max(m.max() for m in means))
    for axis, mean, name in zip(axes, means, classes, strict=False):
        shown = axis.imshow(np.maximum(mean, 1e-5), norm=norm, cmap="viridis", origin="lower")
        axis.set_title(f"mean {name}", fontsize=10)
    ratio = np.log2(np.maximum(means[1], 1e-5) / np.maximum(means[0], 1e-5))
    compared = axes[2].imshow(ratio, cmap="RdBu_r", vmin=-2.5, vmax=2.5, origin="lower")
    axes[2].set_title(f"{classes[1]} / {classes[0]}", fontsize=10)
    for axis in axes:
        axis.set(xticks=[], yticks=[], xlabel="phi")
    axes[0].set_ylabel("eta")
    axes[0].figure.colorbar(shown, ax=list(axes[:2]), location="bottom", shrink=0.7, label="energy / 50 GeV")
    axes[0].figure.colorbar(compared, ax=axes[2], location="bottom", label="log2 of the ratio")


def _roc(axis: Axes, tests: dict[str, Predictions]) -> None:
    for i, (name, table) in enumerate(tests.items()):
        truth, score = table.label == 1, table.columns[f"p_{table.classes[1]}"]
        curve = analysis.roc(truth, score, table.weight)
        area = analysis.delong(truth, score, table.weight)
        text = f"{name}: AUC {area.auc:.3f} ± {area.error:.3f}"
        axis.plot(curve.fpr, curve.tpr, color=colour(i), linestyle=line(i), label=text)
    axis.plot([0, 1], [0, 1], color="0.7", lw=0.8, ls=":")
    n = len(next(iter(tests.values())))
    classes = next(iter(tests.values())).classes
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"{classes[0]} efficiency", ylabel=f"{classes[1]} efficiency")
    axis.set_title(f"{n:,} test events", fontsize=10)
    axis.legend(loc="lower right", fontsize=9)


if __name__ == "__main__":
    main()
