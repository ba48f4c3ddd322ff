"""Figures and pages. Every figure function takes plain arrays or pidcam's own tables and returns a Matplotlib figure.

`layer_table` stays in `pidcam.reports.layers`: it needs torch, which nothing else here does.
"""

from pidcam.reports.captions import FigureView
from pidcam.reports.data import class_counts, spectra
from pidcam.reports.drawing import description, structure
from pidcam.reports.images import mean_images, sample_images
from pidcam.reports.page import DataView, RunView, render_page
from pidcam.reports.performance import confusion, roc, scores
from pidcam.reports.style import save
from pidcam.reports.training import history
from pidcam.reports.worries import worries

__all__ = [
    "DataView",
    "FigureView",
    "RunView",
    "class_counts",
    "confusion",
    "description",
    "history",
    "mean_images",
    "render_page",
    "roc",
    "sample_images",
    "save",
    "scores",
    "spectra",
    "structure",
    "worries",
]
