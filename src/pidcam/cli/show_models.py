"""Which model fits which detector, how large it is there, and what it misses elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from pidcam.cli.tables import console, show_table


def show_models(rows: Sequence[Mapping[str, Any]]) -> None:
    """What each model is; a table of models and detectors; why some do not fit, each reason once."""
    show_table(["model", "", "default for"], [[r["name"], r["title"], r["auto_for"] or None] for r in rows])
    detectors = list(dict.fromkeys(d for r in rows for d in (*r["detectors"], *r["misfits"])))
    cells = [[r["name"], *(_size(r, detector) for detector in detectors)] for r in rows]
    title = "parameters; - does not fit"
    show_table(["model", *detectors], cells, title=title)
    for r in rows:
        reasons: dict[str, list[str]] = {}
        for detector, reason in r["misfits"].items():
            reasons.setdefault(reason.split(",")[0], []).append(detector)
        for reason, where in reasons.items():
            console().print(Text(f"{r['name']} {reason}: not for {', '.join(where)}"), soft_wrap=True)


def _size(row: Mapping[str, Any], detector: str) -> str | None:
    if detector not in row["detectors"]:
        return None
    parameters = row["parameters"][detector]
    return "fits" if parameters is None else _short(parameters)


def _short(number: float) -> str:
    """Two digits or three: 950, 78 k, 4.4 M, 1.2 G."""
    for unit in ("", " k", " M", " G"):
        if number < 999.5:
            return f"{number:.0f}{unit}" if number >= 9.95 or not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.0f} T"
