"""How the result of each verb looks on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pidcam.cli.tables import console, duration, show_table, show_wrote, with_error
from pidcam.tasks.base import scalar_metrics, split_metrics
from pidcam.units import physical_unit

if TYPE_CHECKING:
    from pidcam.store.store import Store
    from pidcam.training.run import Run
    from pidcam.verbs.card import DraftedCard
    from pidcam.verbs.predict import Predicted
    from pidcam.verbs.run import RecipeResult


def show_store(store: Store) -> None:
    """Every event of the input, by class: where it went."""
    manifest, accounting = store.manifest, store.manifest.accounting
    columns = ["class", "read", *accounting.kept, *(f"dropped: {reason}" for reason in accounting.dropped)]
    parts = (accounting.read, *accounting.kept.values(), *accounting.dropped.values())
    rows = [[name, *(part.get(name, 0) for part in parts)] for name in accounting.read]
    rows.append(["all", *(sum(part.values()) for part in parts)])
    show_table(columns, rows, title=f"{manifest.detector}: {manifest.split}, seed {manifest.seed}")
    size = sum(s.bytes for shards in manifest.shards.values() for s in shards)
    console().print(
        f"{size / 1e6:.1f} MB, images stored as {', '.join(f'{k}: {v}' for k, v in manifest.storage.items())}"
    )
    for split, classes in manifest.weights.items():
        told = (f"{name} {w.total:,.1f} (worth {w.effective:,.0f} of {w.events:,})" for name, w in classes.items())
        console().print(f"weights in {split}: {', '.join(told)}", markup=False)
    for image, channels in manifest.rounding.items():
        for channel, lost in zip(manifest.event_schema.image(image).channels, channels, strict=True):
            factor, unit = physical_unit(channel.unit)
            line = f"float16, {image} {channel.name}: relative error {lost.relative:.1e} (rms), largest "
            line += f"{factor * lost.largest:.2g} {unit}, {lost.vanished:.1e} of the values became zero"
            console().print(line, markup=False)
    if manifest.folds:
        line = f"{len(manifest.folds)} folds, of which one tests and the next validates: "
        console().print(f"{line}pidcam.Store({str(store.path)!r}, fold=0)", markup=False)
    show_wrote("store", store.path, f"pidcam train {store.path}")


def show_card(drafted: DraftedCard) -> None:
    """What the card says, and what in it was guessed."""
    said = drafted.card
    rows: list[list[Any]] = [
        ["image", name, "x".join(map(str, i.shape)), ", ".join(i.channels)] for name, i in said.images.items()
    ]
    rows += [["feature", name, "", c.unit] for name, c in said.features.items()]
    rows += [["target", name, "", c.unit] for name, c in said.targets.items()]
    names = said.event_schema().class_names
    rows += [["classes", len(names), "", ", ".join(names)]] if names else []
    show_table(["part", "name", "shape", "channels, unit"], rows, title=f"{said.name}: {said.format}")
    console().print(f"{drafted.events:,} events. Guessed or to be answered (marked with ? in the card):", markup=False)
    for line in drafted.said:
        console().print(f"  - {line}", markup=False, soft_wrap=True)
    show_wrote("card", drafted.path, f"pidcam prepare {drafted.path}")


def show_training(run: Run) -> None:
    """The last epoch and where the model is."""
    history, about = run.history, run.about
    if history:
        best = about.get("best_epoch")
        keep = [row for row in history if row["epoch"] == best] + history[-1:]
        names = ["epoch", "train_loss", "valid_loss", "valid_accuracy", "valid_auc", "valid_resolution"]
        names += ["samples_per_second"]
        names = [n for n in names if n in history[-1]]
        show_table(names, [[row.get(n) for n in names] for row in keep], title=f"{run.name}: best and last epoch")
    facts = [f"{about['parameters']:,} parameters", f"fitted in {duration(about.get('fit_seconds'))}"]
    if "precision" in about:
        facts.append(f"trained in {about['precision']}")
    console().print(", ".join(facts))
    show_wrote("run", run.path, f"pidcam evaluate {run.path}")


def show_metrics(metrics: Mapping[str, Mapping[str, Any]], seconds: Mapping[str, float | None]) -> None:
    """One row per model and split: events, every metric that has an error, and the time of the fit."""
    metrics = {model: split_metrics(of) for model, of in metrics.items()}
    first = next(iter(next(iter(metrics.values())).values()))
    names = [n for n in first if f"{n}_error" in first] or list(scalar_metrics(first))
    rows: list[list[Any]] = []
    for model, of in metrics.items():
        for number, (split, values) in enumerate(of.items()):
            cells = [with_error(values.get(name), values.get(f"{name}_error")) for name in names]
            told = (model, duration(seconds.get(model))) if number == 0 else ("", "")
            rows.append([told[0], split, values.get("n"), *cells, told[1]])
    heads = [name.upper() if name == "auc" else name for name in names]
    show_table(["model", "split", "events", *heads, "fit time"], rows)


def show_predicted(result: Predicted) -> None:
    dropped = f", {result.dropped:,} bad events left out" if result.dropped else ""
    console().print(f"{result.events:,} events{dropped}")
    if result.fast:
        f = result.fast
        area = "" if f["auc_shift"] is None else f", AUC by {f['auc_shift']:+.5f}"
        console().print(
            f"fast: {f['precision']}, {f['speed']:g} times as fast as fp32; on the first {f['events']:,} events scores "
            f"move by {f['mean_shift']:.2g} on average and {f['largest_shift']:.2g} at most{area}"
        )
    show_wrote("predictions", result.out, "read it with pandas, polars, ROOT or pidcam.Predictions.load")


def show_recipe(result: RecipeResult) -> None:
    """The table a recipe ends with."""
    from rich.text import Text

    from pidcam.evaluation.groups import OverMembers
    from pidcam.evaluation.tables import cell_text
    from pidcam.verbs.repeat import spread_table

    show_metrics(result.metrics, {name: run.about.get("fit_seconds") for name, run in result.runs.items()})
    for name, note in result.notes.items():
        console().print(Text(f"{name}: {note}"), soft_wrap=True)
    for model, summary in result.spread.items():
        table = spread_table(summary)
        show_table(table.columns, [list(map(cell_text, row)) for row in table.rows], title=f"{model}, {table.title}")
    for name, c in result.comparisons.items():
        line = (
            f"test AUC of {name} - {result.recipe.reference}: {c.difference:+.4f} ± {c.error:.4f} "
            f"(paired DeLong, z = {c.z:+.1f})"
        )
        if isinstance(c, OverMembers):
            line += f", mean over {c.spread.n}, of which the spread is {c.spread.spread:.4f}"
        console().print(Text(line))
    first = next(iter(result.runs.values())).path
    fitted = first.parent if result.spread else first
    show_wrote("report", result.report, f"pidcam predict {fitted} FILES... --out predictions.parquet")
