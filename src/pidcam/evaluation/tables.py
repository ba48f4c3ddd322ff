"""Tables for papers and spreadsheets: rows of texts, numbers and (value, error) pairs as LaTeX or CSV."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import Any

from pidcam.errors import ConfigError

FORMATS = ("tex", "csv")
_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A cell is a text, a number, a pair (value, error), or None where nothing is known."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def table_text(table: Table, form: str) -> str:
    """The table as LaTeX (booktabs) or CSV, ending in a newline.

    LaTeX rounds by the error: two figures of it, the value to as many decimals. CSV keeps every digit and gives errors
    a column of their own. Raises `ConfigError` for another format.
    """
    return _tex(table) if check_format(form) == "tex" else _csv(table)


def check_format(form: str) -> str:
    """`tex` or `csv`; `ConfigError` for anything else."""
    if form not in FORMATS:
        raise ConfigError(f"'{form}' is no table format", where="--table", fix=f"known: {', '.join(FORMATS)}")
    return form


def rounded(value: float, error: float | None = None) -> tuple[str, str | None]:
    """Value and error as they are printed: the error with two figures; a value without one with four.

    >>> rounded(0.81042, 0.00213)
    ('0.8104', '0.0021')
    >>> rounded(1234.5, 260.0)
    ('1230', '260')
    >>> rounded(4.1e-16), rounded(0.05)
    (('4.1e-16', None), ('0.0500', None))
    >>> rounded(1 - 1e-16, 1.1e-17)
    ('1.0000', None)
    """
    if error is None or not math.isfinite(error) or error <= 1e-12 * abs(value):  # none, or what rounding left of it
        whole = value == round(value)
        small = abs(value) < 1e-3  # a probability such as 4e-16 is not 0.0000
        return f"{value:.2g}" if small else f"{value:.4f}" if abs(value) < 1 and not whole else f"{value:.4g}", None
    decimals = 1 - int(f"{error:.1e}".partition("e")[2])
    if decimals >= 0:
        return f"{value:.{decimals}f}", f"{error:.{decimals}f}"
    return f"{round(value, decimals):.0f}", f"{round(error, decimals):.0f}"


def cell_text(cell: Any) -> str:
    """A cell as people read it: rounded by its error, a dash where nothing is known.

    >>> cell_text((0.81042, 0.00213)), cell_text(1234567), cell_text(None)
    ('0.8104 ± 0.0021', '1,234,567', '—')
    """
    value, error = cell if isinstance(cell, tuple) else (cell, None)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    number, spread = rounded(value, error)
    return number if spread is None else f"{number} ± {spread}"


def _tex(table: Table) -> str:
    numeric = [all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    lines = [
        f"% {table.title}",
        rf"\begin{{tabular}}{{{''.join('r' if n else 'l' for n in numeric)}}}",
        r"\toprule",
        " & ".join(map(escape_tex, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_tex_cell, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def escape_tex(text: str) -> str:
    """Text with LaTeX's special characters made harmless."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def _tex_cell(cell: Any) -> str:
    value, error = cell if isinstance(cell, tuple) else (cell, None)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "--"
    if isinstance(value, str):
        return escape_tex(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", r"\,")
    if math.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    number, spread = rounded(value, error)
    return f"${number}$" if spread is None else rf"${number} \pm {spread}$"


def _csv(table: Table) -> str:
    paired = [any(isinstance(row[i], tuple) for row in table.rows) for i in range(len(table.columns))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names: list[str] = []
    for name, pair in zip(table.columns, paired, strict=True):
        names += [name, f"{name} error"] if pair else [name]
    writer.writerow(names)
    for row in table.rows:
        cells: list[Any] = []
        for cell, pair in zip(row, paired, strict=True):
            cells += list(cell if isinstance(cell, tuple) else (cell, None)) if pair else [cell]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()
