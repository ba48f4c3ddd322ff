"""Where things are run for other reasons, figures are made but not drawn: it would take most of the time."""

from __future__ import annotations

import inspect


def blank_savefig():
    """What `Figure.savefig` may be replaced by: it writes an empty picture in place of any figure."""
    from matplotlib.figure import Figure

    draw, blank = Figure.savefig, Figure(figsize=(0.1, 0.1))
    return lambda figure, *args, **options: draw(blank, *args, **options)


NO_DRAWING = f"""
{inspect.getsource(blank_savefig)}

from matplotlib.figure import Figure

Figure.savefig = blank_savefig()
"""
"""Python that a page or notebook in a process of its own begins with."""
