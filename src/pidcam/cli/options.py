"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.", show_default=False)]
Quick = Annotated[bool, typer.Option("--quick", help="Few examples and epochs: a smoke run.")]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.SUB=VALUE]...", help="Configuration, e.g. training.epochs=10.")
]
TableFormat = Annotated[
    str | None, typer.Option("--table", help="Tables as tex or csv, printed and kept.", show_default=False)
]
Shown = tuple[Any, Any]
