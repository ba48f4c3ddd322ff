"""Where pages and notebooks are run for their words, figures are made but not drawn."""

from __future__ import annotations

NO_DRAWING = """
def draw_nothing():
    from matplotlib.figure import Figure

    draw, blank = Figure.savefig, Figure(figsize=(0.1, 0.1))
    Figure.savefig = lambda figure, *args, **options: draw(blank, *args, **options)


draw_nothing()
"""
"""Python that a page or notebook in a process of its own begins with; it leaves one name behind."""
