"""What a careful collaboration would ask of a particle identification: pure functions on arrays, weights everywhere."""

from pidcam.analysis.accuracy import Confusion, accuracy, confusion, top_k
from pidcam.analysis.estimate import Estimate, binomial_interval, effective_events, fraction
from pidcam.analysis.multiclass import OneVsOne, OneVsRest, auc_one_vs_one, auc_one_vs_rest
from pidcam.analysis.roc import AucComparison, AucResult, Roc, auc, delong, delong_compare, roc

__all__ = [
    "AucComparison",
    "AucResult",
    "Confusion",
    "Estimate",
    "OneVsOne",
    "OneVsRest",
    "Roc",
    "accuracy",
    "auc",
    "auc_one_vs_one",
    "auc_one_vs_rest",
    "binomial_interval",
    "confusion",
    "delong",
    "delong_compare",
    "effective_events",
    "fraction",
    "roc",
    "top_k",
]
