"""Figures and pages. Every figure function takes plain arrays or pidcam's own tables and returns a Matplotlib figure.

`layer_table` stays in `pidcam.reports.layers`: it needs torch, which nothing else here does.
"""

from pidcam.reports.batch_sizes import batch_sizes
from pidcam.reports.captions import FigureView
from pidcam.reports.data import class_counts, spectra
from pidcam.reports.differences import gain, importance, robustness
from pidcam.reports.display import display, on_truth, saliency
from pidcam.reports.drawing import description, structure
from pidcam.reports.images import mean_images, sample_images
from pidcam.reports.in_bins import in_bins
from pidcam.reports.learning import learning_curve
from pidcam.reports.page import DataView, RunView, render_page
from pidcam.reports.performance import confusion, roc, scores
from pidcam.reports.regression import predicted, pulls, resolution
from pidcam.reports.reliability import reliability
from pidcam.reports.sculpting import sculpting
from pidcam.reports.style import save
from pidcam.reports.training import history
from pidcam.reports.worries import worries

__all__ = [
    "DataView",
    "FigureView",
    "RunView",
    "batch_sizes",
    "class_counts",
    "confusion",
    "description",
    "display",
    "gain",
    "history",
    "importance",
    "in_bins",
    "learning_curve",
    "mean_images",
    "on_truth",
    "predicted",
    "pulls",
    "reliability",
    "render_page",
    "resolution",
    "robustness",
    "roc",
    "saliency",
    "sample_images",
    "save",
    "scores",
    "sculpting",
    "spectra",
    "structure",
    "worries",
]
