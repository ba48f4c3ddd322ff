"""What `evaluate` and `compare` found, on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pidcam.cli.tables import console, duration, show_table, show_wrote

if TYPE_CHECKING:
    from pidcam.evaluation.comparison import Comparison
    from pidcam.evaluation.groups import GroupComparison
    from pidcam.evaluation.tables import Table


def show_evaluation(metrics: Mapping[str, Any], form: str | None) -> None:
    """Every table of the evaluation and its warnings; with `form`, the tables alone as `tex` or `csv`."""
    from pidcam.evaluation.summary import metrics_tables

    show_tables(metrics_tables(metrics), form)
    if form:
        return
    calibration = metrics.get("calibration", {})
    if "temperature" in calibration:
        temperature, raw = calibration["temperature"], calibration["raw"]["reliability"]
        after = calibration["calibrated"]["reliability"]["ece"]
        line = (
            f"calibration: ECE {100 * raw['ece']:.2f} %, {100 * after:.2f} % at temperature {temperature['value']:.3f}"
        )
        console().print(Text(f"{line} (perfect probabilities: {100 * raw['ece_null']:.2f} %)"))
    if "share" in (best := metrics.get("optimum", {})):
        share = f"{100 * best['share']:.2f} ± {100 * best['share_error']:.2f} %"
        console().print(Text(f"test AUC: {share} of the way from 0.5 to the optimum"))
    show_warnings(metrics.get("warnings", {}))


def show_comparison(result: Comparison | GroupComparison, runs: Sequence[Path], form: str | None, out: object) -> None:
    """The tables of runs, or that of groups."""
    from pidcam.verbs.compare import comparison_tables

    show_tables(comparison_tables(result), form)
    if not form:
        show_warnings(result.warnings)
        show_wrote("comparison", out, shlex.join(["pidcam", "report", *map(str, runs)]))


def show_tables(tables: Sequence[Table], form: str | None) -> None:
    """Tables for people, or as LaTeX or CSV, one blank line between them."""
    if form:
        from pidcam.evaluation.tables import table_text

        print("\n".join(table_text(table, form) for table in tables), end="")
        return
    for table in tables:
        columns = [name.removesuffix(" [s]") for name in table.columns]
        times = [i for i, name in enumerate(table.columns) if name == "fit time [s]"]
        rows = [[duration(c) if i in times else _cell(c) for i, c in enumerate(row)] for row in table.rows]
        show_table(columns, rows, title=table.title)


def show_warnings(warnings: Mapping[str, Sequence[str]]) -> None:
    """A line each, under the place it speaks of."""
    for place, lines in warnings.items():
        for line in lines:
            console().print(Text(f"{place.replace('_', ' ')}: {line}", style="yellow"), soft_wrap=True)


def _cell(value: Any) -> Any:
    from pidcam.evaluation.tables import cell_text

    return cell_text(value) if isinstance(value, tuple) else value
