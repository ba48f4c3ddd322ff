"""What a run directory holds, read without loading its model."""

from __future__ import annotations

from pathlib import Path

from pidcam.config import load_yaml
from pidcam.files import read_json
from pidcam.inspection.facts import Inspection, RunFacts
from pidcam.runs import RunDirectory


def inspect_run(path: Path) -> Inspection:
    """The facts of the run at `path`, finished or not; `InputError` or `DataError` if it is none."""
    directory = RunDirectory.open(path)
    about, history = directory.about, directory.history
    best = [row for row in history if row["epoch"] == about.get("best_epoch")] or history[-1:]
    config = path / "config.yaml"
    metrics = read_json(path / "metrics.json") if (path / "metrics.json").exists() else {}
    facts = RunFacts(
        state=about.get("state", "unknown"),
        classes=tuple(about.get("classes", ())),
        config=load_yaml(config) if config.exists() else {},
        facts={name: value for name, value in about.items() if name not in ("schema", "state", "classes")},
        epochs=len(history),
        best=best[0] if best else {},
        metrics={split: of for split, of in metrics.items() if isinstance(of, dict) and {"n", "loss"} <= of.keys()},
        files={str(f.relative_to(path)): f.stat().st_size for f in sorted(path.rglob("*")) if f.is_file()},
    )
    detector = about.get("detector", "unknown")
    title = f"{facts.config.get('model', {}).get('name', 'a model')} for {' against '.join(facts.classes)}"
    return Inspection("run", (str(path),), detector, title, run=facts)
