"""Results as tables on the terminal; plain text when piped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

LONGEST_NAME = 30
"""Letters of the first column that are never broken into lines."""


def console() -> Console:
    """Wide enough not to break lines when piped."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=160)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None) -> None:
    """Numbers are set flush right."""
    # as Text: a unit in brackets, such as [ns], is no markup
    table = Table(title=Text(title) if title else None, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        numbers = all(isinstance(r[index], int | float) or r[index] is None for r in rows)
        # names of rows stay whole as long as they leave room for the rest
        whole = index == 0 and all(len(_text(r[0])) <= LONGEST_NAME for r in rows)
        justify: JustifyMethod = "right" if numbers and rows else "left"
        table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*[Text(_text(value)) for value in row])
    console().print(table)


def show_wrote(what: str, path: object, then: str) -> None:
    """The last two lines of every verb: where it is, and what to do next."""
    console().print(Text.assemble((what, "bold"), f": {path}"), soft_wrap=True)
    show_next(then)


def show_next(then: str) -> None:
    """Never broken into lines, so that it can be copied."""
    console().print(f"next: {then}", soft_wrap=True, markup=False)


def with_error(value: float | None, error: float | None, digits: int = 4) -> str:
    """`0.8104 ± 0.0021`; a dash where there is no value."""
    if value is None:
        return "-"
    return f"{value:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")


def duration(seconds: float | None) -> str:
    """`1 min 25 s`."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def file_size(n: float) -> str:
    """`3.65 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} TB"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)
