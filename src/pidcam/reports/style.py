"""One look for every figure: mplhep's, in colours that colour-blind readers can tell apart, in a size for A4 columns.

Figures are `matplotlib.figure.Figure` objects without a window: they need no display and no global state, so they can
be made in worker processes and in a notebook alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import mplhep
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pidcam.files import atomic_path

# M. A. Petroff, arXiv:2107.02270, the palette of CMS: told apart with any colour vision, and in grey
PALETTE = (
    "#3f90da",
    "#bd1f01",
    "#ffa90e",
    "#832db6",
    "#94a4a2",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
INK, PALE = "#1a1a1a", "#8a8f94"
ENERGY_MAP, SIGNED_MAP = "viridis", "RdBu_r"
DPI = 160
TIMES = "\N{MULTIPLICATION SIGN}"

_SIZES: dict[str, Any] = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    # names, not "sans-serif": a figure drawn later, outside this style, keeps its letters
    "font.family": ["TeX Gyre Heros", "DejaVu Sans"],
    "mathtext.fontset": "stixsans",  # the same outside, where mplhep's "custom" looks for a cursive font in vain
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.linewidth": 0.9,
    "axes.unicode_minus": True,
    "axes.axisbelow": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 5,
    "xtick.minor.size": 2.5,
    "xtick.major.pad": 4,
    "ytick.major.size": 5,
    "ytick.minor.size": 2.5,
    "legend.fontsize": 9,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "errorbar.capsize": 0,
    "image.origin": "lower",
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,  # real letters: text in the PDF can be searched and edited
    "svg.hashsalt": "pidcam",
    "axes.prop_cycle": cycler(color=PALETTE),
}

Parameters = ParamSpec("Parameters")


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside has pidcam's look; nothing outside is changed."""
    look: Any = {**mplhep.style.ROOT, **_SIZES}
    with mpl.rc_context(look):
        yield


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """A figure function that draws in pidcam's style."""

    @functools.wraps(draw)
    def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return wrapped


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches whose parts make room for each other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)  # type: ignore[union-attr, call-arg]
    return figure


def colour(i: int) -> str:
    return PALETTE[i % len(PALETTE)]


def marker(i: int) -> str:
    return MARKERS[i % len(MARKERS)]


def line(i: int) -> Any:
    return LINES[i % len(LINES)]


def label_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if title:
        axes.set_title(title)


def with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name


def count(n: float) -> str:
    """A number of events as people read it: 7,480."""
    return f"{n:,.0f}"


def value_with_error(value: float, error: float) -> str:
    """0.8104 ± 0.0012: the error with two figures, the value with as many decimals; no error, four decimals."""
    if not error > 1e-12 * abs(value):  # zero but for rounding, or NaN where there are too few events to tell
        return f"{value:.4f}"
    decimals = max(0, 1 - _exponent(error))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _exponent(value: float) -> int:
    return int(f"{value:.1e}".partition("e")[2])


def save(figure: Figure, path_without_suffix: Path | str) -> list[Path]:
    """Write `<path>.png` and `<path>.pdf`, each whole or not at all; the same figure gives the same bytes."""
    written, layout = [], figure.get_layout_engine()
    try:
        # a date or a version inside would make every run differ
        for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Creator": None})):
            path = Path(f"{path_without_suffix}{suffix}")
            with style(), atomic_path(path) as part:
                figure.savefig(part, format=suffix[1:], metadata=metadata, dpi=DPI)
            figure.set_layout_engine("none")  # what was laid out once need not be again, which takes as long as drawing
            written.append(path)
    finally:
        figure.set_layout_engine(layout)
    return written
