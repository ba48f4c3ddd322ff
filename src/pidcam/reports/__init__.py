"""Figures and pages. Every figure function takes plain arrays or pidcam's own tables and returns a Matplotlib figure.

`layer_table` stays in `pidcam.reports.layers`: it needs torch, which nothing else here does.
"""

from pidcam.reports.data import class_counts, spectra
from pidcam.reports.drawing import description, structure
from pidcam.reports.images import mean_images, sample_images
from pidcam.reports.performance import confusion, roc, scores
from pidcam.reports.style import save
from pidcam.reports.training import history

__all__ = [
    "class_counts",
    "confusion",
    "description",
    "history",
    "mean_images",
    "roc",
    "sample_images",
    "save",
    "scores",
    "spectra",
    "structure",
]
