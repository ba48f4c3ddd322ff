"""The boosted trees beyond what every model is tested for."""

import numpy as np
import pytest
import torch

from pidcam.batch import Batch
from pidcam.errors import DataError, InputError, MismatchError
from pidcam.models.base import Inputs, models

INPUTS = Inputs({}, ("x", "y"))


class Task:
    outputs = {"logit": 1}


class History:
    def __init__(self):
        self.lines = []

    def epoch(self, line):
        self.lines.append(line)


def events(n=400, seed=0, weight=None) -> Batch:
    """x tells the classes apart, y is noise."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    features = {"x": torch.tensor(rng.normal(label)).float(), "y": torch.tensor(rng.normal(size=n)).float()}
    weight = torch.ones(n) if weight is None else torch.tensor(weight(label)).float()
    return Batch({}, features, {}, torch.tensor(label), weight, torch.zeros(n, 2, dtype=torch.int64))


def grown(batch=None, *, history=None, **options):
    model = models["bdt"].build(INPUTS, {"logit": 1}, **{"trees": 30, "seed": 1, "threads": 1, **options})
    model.fit([batch or events()], [events(seed=1)], Task(), history or History())
    return model


def logit(model) -> np.ndarray:
    return model.predict(events(seed=2))["logit"][:, 0]


def test_they_learn_and_their_margin_is_a_logit():
    label = events(seed=2).label.numpy()
    score = logit(grown())
    assert ((score > 0) == label).mean() > 0.6
    assert abs(score.mean()) < 1


def test_the_same_seed_gives_the_same_trees_for_any_number_of_threads():
    np.testing.assert_array_equal(logit(grown(threads=1)), logit(grown(threads=2)))
    assert (logit(grown(seed=1)) != logit(grown(seed=2))).any()


def test_weights_shift_the_prior_and_their_scale_does_not_matter():
    heavy = grown(events(weight=lambda label: 1.0 + 3.0 * label))
    assert logit(heavy).mean() > logit(grown()).mean() + 0.5
    scaled = grown(events(weight=lambda label: 1024.0 * (1.0 + 3.0 * label)))
    np.testing.assert_allclose(logit(scaled), logit(heavy), atol=1e-5)


def test_growth_stops_when_the_validation_loss_does_and_the_history_says_so():
    history = History()
    model = grown(history=history, trees=1000, patience=10, learning_rate=0.3)
    assert 1 <= model.boosters[0].num_trees() < 200
    assert [line["epoch"] for line in history.lines] == [10 * (i + 1) for i in range(len(history.lines))]
    assert history.lines[-1]["train_loss"] < history.lines[-1]["valid_loss"]


def test_only_classification_and_regression_are_answered():
    with pytest.raises(MismatchError, match="can classify and regress, the task asks for energy"):
        models["bdt"].build(INPUTS, {"energy": 1})
    with pytest.raises(MismatchError, match="was made for value, not logit"):
        models["bdt"].build(INPUTS, {"value": 1}).fit([events()], [events()], Task(), History())


def test_bad_weights_and_empty_splits_are_refused():
    with pytest.raises(InputError, match=r"train: model 'bdt' needs weights"):
        grown(events(weight=lambda label: label - 0.5))
    model = models["bdt"].build(INPUTS, {"logit": 1})
    with pytest.raises(InputError, match="valid: no events"):
        model.fit([events()], [], Task(), History())


def test_trees_of_another_question_or_other_features_are_refused(tmp_path):
    grown().save(tmp_path)
    with pytest.raises(MismatchError, match="expected logits of width 3"):
        models["bdt"].build(INPUTS, {"logits": 3}).load(tmp_path)
    other = models["bdt"].build(Inputs({}, ("y", "x")), {"logit": 1})
    other.load(tmp_path)
    with pytest.raises(MismatchError, match="other features"):
        other.predict(events())
    (tmp_path / "bdt-0.txt").write_text("tree")
    with pytest.raises(DataError, match=r"bdt-0\.txt"):
        models["bdt"].build(INPUTS, {"logit": 1}).load(tmp_path)
