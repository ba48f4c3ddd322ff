"""What a careful collaboration would ask of a particle identification: pure functions on arrays, weights everywhere."""

from pidcam.analysis.cuts import BestCut, best_cut, purity, quality_factor, significance
from pidcam.analysis.decisions import Confusion, accuracy, confusion, top_k
from pidcam.analysis.estimate import ONE_SIGMA, Estimate, binomial_interval, effective_events, fraction
from pidcam.analysis.multiclass import OneVsOne, OneVsRest, auc_one_vs_one, auc_one_vs_rest
from pidcam.analysis.partial_area import PartialArea, partial_auc, rejection_area
from pidcam.analysis.resampling import Bootstrap, RocBand, bootstrap, roc_band, roc_replicas
from pidcam.analysis.roc import AucComparison, AucResult, Roc, auc, delong, delong_compare, roc
from pidcam.analysis.working_points import (
    Sample,
    WorkingPoint,
    threshold_at_efficiency,
    threshold_at_fake_rate,
    working_point,
    working_points,
)

__all__ = [
    "ONE_SIGMA",
    "AucComparison",
    "AucResult",
    "BestCut",
    "Bootstrap",
    "Confusion",
    "Estimate",
    "OneVsOne",
    "OneVsRest",
    "PartialArea",
    "Roc",
    "RocBand",
    "Sample",
    "WorkingPoint",
    "accuracy",
    "auc",
    "auc_one_vs_one",
    "auc_one_vs_rest",
    "best_cut",
    "binomial_interval",
    "bootstrap",
    "confusion",
    "delong",
    "delong_compare",
    "effective_events",
    "fraction",
    "partial_auc",
    "purity",
    "quality_factor",
    "rejection_area",
    "roc",
    "roc_band",
    "roc_replicas",
    "significance",
    "threshold_at_efficiency",
    "threshold_at_fake_rate",
    "top_k",
    "working_point",
    "working_points",
]
