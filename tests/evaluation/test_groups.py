"""Groups of seeds or folds against each other: closed forms, a simulation, and what cannot be compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest, norm
from toys import PAIR, THREE, predictions, task

from pidcam.analysis import auc, delong_compare
from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.comparison import Entry
from pidcam.evaluation.groups import compare_groups, groups_table, told
from pidcam.predictions import Predictions

FOLDS = 5


def entry(name, table, classes=PAIR):
    return Entry(name, task(classes), {"test": table})


def noisy(table, seed):
    rng = np.random.default_rng(seed)
    p = np.exp(np.log(table.probabilities) + 0.5 * rng.normal(size=table.probabilities.shape))
    p /= p.sum(axis=1, keepdims=True)
    return replace(table, columns={f"p_{name}": p[:, k] for k, name in enumerate(table.classes)})


def groups(kind, classes=PAIR, n=300):
    """Two groups; the second sees the same scores with noise."""
    base = [predictions(classes, n, seed=k if kind == "folds" else 0) for k in range(3)]
    base = base if kind == "folds" else [noisy(table, 10 + k) for k, table in enumerate(base)]
    other = [noisy(table, 20 + k) for k, table in enumerate(base)]
    return {
        name: [entry(f"{name}/{k}", table, classes) for k, table in enumerate(of)]
        for name, of in {"a": base, "b": other}.items()
    }


def binormal(rng, n, shift_a, shift_b, correlation, offset=0.0):
    """Two scores of n events of which half are electrons: the AUC of each is Phi(shift / sqrt(2))."""
    label = np.arange(n) % 2
    noise = rng.normal(size=(2, n))
    noise[1] = correlation * noise[0] + np.sqrt(1 - correlation**2) * noise[1]
    tables = []
    for shift, each, moved in ((shift_a, noise[0], 0.0), (shift_b, noise[1], offset)):
        p = 1 / (1 + np.exp(-(shift * label + each + moved)))
        columns = {"p_photon": 1 - p, "p_electron": p}
        tables.append(Predictions(PAIR, ("a",), label, np.ones(n), np.zeros(n, np.int32), np.arange(n), columns))
    return tables


def areas(tables):
    return [(t.label == 1, t.columns["p_electron"]) for t in tables]


@pytest.mark.parametrize("kind", ["folds", "repeats"])
def test_the_mean_of_the_pairs_with_the_error_of_its_test_events(kind):
    given = groups(kind)
    result = compare_groups(kind, given)
    json.dumps(result.as_json(), allow_nan=False)
    pairs = []
    for a, b in zip(*given.values(), strict=True):
        (truth, first), (_, second) = areas([a.splits["test"], b.splits["test"]])
        pairs.append(delong_compare(truth, second, first))
    found = result.rows[1].auc
    values, errors = (np.array([getattr(p, key) for p in pairs]) for key in ("difference", "error"))
    assert found.difference == pytest.approx(values.mean())
    shared = np.sqrt(np.mean(errors**2))
    assert found.error == pytest.approx(shared if kind == "repeats" else np.sqrt(np.sum(errors**2)) / 3)
    assert found.z == pytest.approx(found.difference / found.error)
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.z)))
    assert found.spread.spread == pytest.approx(values.std(ddof=1))
    assert (result.rows[0].auc, result.members) == (None, ("0", "1", "2"))


def test_of_folds_the_pulls_are_normal_and_the_spread_is_that_of_the_test_events():
    """Binormal scores whose true areas are known, and trainings that do not differ."""
    rng = np.random.default_rng(3)
    truth = norm.cdf(1.3 / np.sqrt(2)) - norm.cdf(1.0 / np.sqrt(2))
    pulls, variances = [], []
    for _ in range(300):
        folds = [binormal(rng, 200, 1.0, 1.3, 0.8) for _ in range(FOLDS)]
        given = {name: [entry(f"{name}/{k}", f[i]) for k, f in enumerate(folds)] for i, name in enumerate("ab")}
        found = compare_groups("folds", given).rows[1].auc
        pulls.append((found.difference - truth) / found.error)
        variances.append((found.spread.spread**2, found.spread.statistical**2))
    assert kstest(pulls, "norm").pvalue > 0.01
    assert np.std(pulls) == pytest.approx(1, abs=0.13)  # three standard errors
    spread, statistical = np.mean(variances, axis=0)
    assert spread / statistical == pytest.approx(1, abs=0.13)  # as above: 1200 degrees of freedom


def test_scores_of_different_trainings_are_not_ranked_among_each_other():
    """A training whose scores are all higher separates as well; pooled scores would say it does not."""
    rng = np.random.default_rng(4)
    folds = [binormal(rng, 400, 1.2, 1.2, 1.0, offset=2.0 * k) for k in range(FOLDS)]
    given = {name: [entry(f"{name}/{k}", f[i]) for k, f in enumerate(folds)] for i, name in enumerate("ab")}
    found = compare_groups("folds", given).rows[1].auc
    assert (found.difference, found.error, found.p_value) == pytest.approx((0, 0, 1), abs=1e-12)
    pooled = [auc(*(np.concatenate(each) for each in zip(*areas([f[i] for f in folds]), strict=True))) for i in (0, 1)]
    assert pooled[0] - pooled[1] > 0.1


def test_the_table_and_the_sentence():
    result = compare_groups("folds", groups("folds", THREE))
    table = groups_table(result)
    assert table.columns[:4] == ("group", "AUC", "spread over folds", "difference")
    assert table.rows[0][3:7] == (None,) * 4
    first, second = result.rows
    assert table.rows[1][3] == (second.auc.difference, second.auc.error)
    assert told(result, first) is None
    assert told(result, second).startswith(f"Test AUC of b minus a, mean over 3 folds: {second.auc.difference:+.4f} ± ")


def test_what_cannot_be_compared():
    given = groups("folds")
    with pytest.raises(MismatchError, match=r"^b: has 2 folds, the reference 3; "):
        compare_groups("folds", {"a": given["a"], "b": given["b"][:2]})
    swapped = [given["b"][k] for k in (1, 0, 2)]
    with pytest.raises(MismatchError, match=r"^b/1: has another true class in "):
        compare_groups("folds", {"a": given["a"], "b": swapped})
    with pytest.raises(InputError, match=r"^a comparison needs two groups or more"):
        compare_groups("folds", {"a": given["a"]})


def test_a_fold_without_a_class_is_a_gap():
    given = groups("folds")
    for of in given.values():
        table = of[1].splits["test"]
        of[1] = replace(of[1], splits={"test": table.take(table.label == 1)})
    result = compare_groups("folds", given)
    assert result.rows[1].auc is None
    assert result.rows[1].accuracy is not None
    assert "AUC: 1 of 3 folds have too few events to tell" in result.warnings["b"]
