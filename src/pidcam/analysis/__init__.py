"""What a careful collaboration would ask of a particle identification: pure functions on arrays, weights everywhere."""

from pidcam.analysis.calibration import (
    LikelihoodRatioCheck,
    Reliability,
    brier,
    likelihood_ratio_check,
    nll,
    reliability,
)
from pidcam.analysis.cuts import BestCut, best_cut, purity, quality_factor, significance
from pidcam.analysis.decisions import Confusion, accuracy, confusion, top_k
from pidcam.analysis.distributions import Ks, Overtraining, Sculpting, ks, overtraining, sculpting
from pidcam.analysis.estimate import ONE_SIGMA, Estimate, binomial_interval, effective_events, fraction, mean
from pidcam.analysis.in_bins import (
    BinnedCut,
    InBins,
    auc_in_bins,
    cut_in_bins,
    efficiency_in_bins,
    fake_rate_in_bins,
    fraction_in_bins,
    quantile_edges,
)
from pidcam.analysis.multiclass import (
    OneVsOne,
    OneVsRest,
    OneVsRestComparison,
    auc_one_vs_one,
    auc_one_vs_rest,
    compare_one_vs_rest,
)
from pidcam.analysis.partial_area import PartialArea, partial_auc, rejection_area
from pidcam.analysis.plain import plain
from pidcam.analysis.prior import prior_shift
from pidcam.analysis.repeats import LearningCurve, SeedSpread, learning_curve, over_seeds
from pidcam.analysis.resampling import Bootstrap, RocBand, bootstrap, roc_band, roc_replicas
from pidcam.analysis.roc import AucComparison, AucResult, Roc, auc, delong, delong_compare, roc
from pidcam.analysis.score_histogram import BinnedAuc, ScoreHistogram, score_histogram
from pidcam.analysis.species import ClassSample, SpeciesTable, species_table
from pidcam.analysis.temperature import Temperature, apply_temperature, fit_temperature
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
    "BinnedAuc",
    "BinnedCut",
    "Bootstrap",
    "ClassSample",
    "Confusion",
    "Estimate",
    "InBins",
    "Ks",
    "LearningCurve",
    "LikelihoodRatioCheck",
    "OneVsOne",
    "OneVsRest",
    "OneVsRestComparison",
    "Overtraining",
    "PartialArea",
    "Reliability",
    "Roc",
    "RocBand",
    "Sample",
    "ScoreHistogram",
    "Sculpting",
    "SeedSpread",
    "SpeciesTable",
    "Temperature",
    "WorkingPoint",
    "accuracy",
    "apply_temperature",
    "auc",
    "auc_in_bins",
    "auc_one_vs_one",
    "auc_one_vs_rest",
    "best_cut",
    "binomial_interval",
    "bootstrap",
    "brier",
    "compare_one_vs_rest",
    "confusion",
    "cut_in_bins",
    "delong",
    "delong_compare",
    "effective_events",
    "efficiency_in_bins",
    "fake_rate_in_bins",
    "fit_temperature",
    "fraction",
    "fraction_in_bins",
    "ks",
    "learning_curve",
    "likelihood_ratio_check",
    "mean",
    "nll",
    "over_seeds",
    "overtraining",
    "partial_auc",
    "plain",
    "prior_shift",
    "purity",
    "quality_factor",
    "quantile_edges",
    "rejection_area",
    "reliability",
    "roc",
    "roc_band",
    "roc_replicas",
    "score_histogram",
    "sculpting",
    "significance",
    "species_table",
    "threshold_at_efficiency",
    "threshold_at_fake_rate",
    "top_k",
    "working_point",
    "working_points",
]
