"""What each figure of a run shows, in words: its caption, and the text for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pidcam.reports.inline import Picture


@dataclass(frozen=True)
class FigureView:
    """A picture with a heading, a caption, and a text `alt` that replaces it."""

    picture: Picture
    title: str
    caption: str
    alt: str


# in the order of the page; name: (heading, caption, what a reader who cannot see it is told)
CAPTIONS = {
    "roc": (
        "ROC",
        "Left: signal efficiency against background efficiency. Right: background rejection against signal efficiency; "
        "of several models and classes a panel for each class. Bands, where there are few curves: 68 % pointwise "
        "intervals from the bootstrap; AUC errors by DeLong; n counts signal + background.",
        "ROC curves and background rejection with error bands",
    ),
    "learning_curve": (
        "Learning curve",
        "1 - AUC on the same test events against the number of training events; dashed: the power law through the "
        "points. Bars: statistical error, with several seeds the spread of their mean as well.",
        "1 minus AUC falling with the number of training events, with errors and a power law",
    ),
    "scores": (
        "Scores",
        "Score distributions per true class, test events filled and training events as points; "
        "where the two differ beyond their errors, the model is overtrained.",
        "histograms of the score per true class, test against training events",
    ),
    "confusion": (
        "Confusion matrix",
        "Share of each true class (rows) predicted as each class (columns), with binomial errors and events.",
        "confusion matrix of true against predicted class",
    ),
    "predicted": (
        "Predicted against true",
        "Left: predicted against true value of test events. Right: residuals, for energies relative to the truth; what "
        "lies beyond the axis is in the outermost bins.",
        "map of predicted against true value, and histogram of residuals",
    ),
    "resolution": (
        "Resolution",
        "Half the shortest interval that holds 68.3 % of the residuals, and their median, in bins of the true value; "
        "dashed: the fit of stochastic, constant and noise term in quadrature over the range shown.",
        "resolution and bias against the true value with errors and a fit",
    ),
    "pulls": (
        "Pulls",
        "(predicted - true) / predicted error; as wide as the normal curve where the errors are true.",
        "histogram of pulls with the standard normal distribution",
    ),
    "reliability": (
        "Reliability",
        "How often a probability came true, before and after the temperature fitted on validation; error bars are 68 % "
        "intervals. ECE is the mean distance from the diagonal, beside what perfect probabilities would show.",
        "reliability diagram: observed fraction against predicted probability",
    ),
    "robustness": (
        "Robustness",
        "Change of AUC and accuracy when the test events are shifted as a detector might be; errors are paired.",
        "differences of AUC and accuracy for each shift of the detector",
    ),
    "importance": (
        "Importance",
        "What AUC and accuracy lose when a part of the input is shuffled among events; errors are paired.",
        "losses of AUC and accuracy for each part of the input",
    ),
    "gain": (
        "Gain of features",
        "Share of the gain of all trees that each feature brought.",
        "bar chart of the gain per feature",
    ),
    "saliency": (
        "Most confident mistakes",
        "Each event beside what its cells added to the log odds of the predicted class (integrated gradients from the "
        "empty detector): red speaks for the prediction, blue against it.",
        "detector images of the most confident mistakes with the attribution of every cell",
    ),
    "history": (
        "Training history",
        "Loss, accuracy and AUC after every step of training; bands are statistical; the dotted line marks the lowest "
        "validation loss.",
        "training and validation loss, accuracy and AUC against training step",
    ),
    "sample_images": (
        "Sample images",
        "Single events of each class, every channel; cells without a hit are left blank, and of long axes only the "
        "part with hits is shown.",
        "a sheet of detector images of single events, a row per class",
    ),
    "mean_images": (
        "Mean images",
        "Mean image of each class and the plain difference between classes.",
        "mean detector image per class and their difference",
    ),
    "spectra": (
        "Spectra",
        "Summed channel values and hits per event, each class with unit area; error bars are statistical.",
        "histograms per class of summed channel values and of hits per event",
    ),
    "class_counts": (
        "Events per class",
        "Number of events of each class in each split.",
        "bar chart of the number of events per class and split",
    ),
    "structure": (
        "Model",
        "Layers from top to bottom with output shape and number of parameters; a stack stands for equal blocks.",
        "drawing of the layers of the model with their shapes and parameters",
    ),
}


IN_BINS = (
    "AUC, efficiency and fake rate of one cut chosen on validation, and the fake rate with cuts of the same efficiency "
    "in every bin; vertical bars are 68 % intervals, a bin with fewer than ten events is left out."
)


SCULPTING = (
    "Background events of test that pass and that fail the one cut chosen on validation, each with unit area, and the "
    "fraction that passes. Where the two shapes differ by more than chance, the cut shapes this variable."
)


def figure_view(name: str, picture: Picture, subject: str = "") -> FigureView:
    """The picture with its standard words; `subject` (the model's name) is told in the alt text."""
    plain = name.replace("_", " ").replace("-", " ").capitalize()
    title, caption, alt = CAPTIONS.get(name, (plain, plain + ".", plain))
    if name.startswith("by_"):
        title, caption = f"Against {plain.removeprefix('By ')}", IN_BINS
        alt = f"AUC, efficiency and fake rate in bins of {plain.removeprefix('By ')}"
    if name.startswith("sculpting_"):
        title, caption = f"Sculpting of {plain.removeprefix('Sculpting ')}", SCULPTING
        alt = f"distribution of {plain.removeprefix('Sculpting ')} in background that passes and fails the cut"
    return FigureView(picture, title, caption, f"{subject}: {alt}" if subject else alt[0].upper() + alt[1:])


def in_order(names: Iterable[str]) -> list[str]:
    """Known figures first, in the order of the page; then the others as given."""
    names = list(names)
    return [n for n in CAPTIONS if n in names] + [n for n in names if n not in CAPTIONS]
