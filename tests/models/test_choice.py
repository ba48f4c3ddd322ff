"""The model that is trained where nobody named one."""

from dataclasses import replace

import pytest

from pidcam.detectors.base import Measured, detectors
from pidcam.models.base import models
from pidcam.models.choice import by_rule, choose_model


@pytest.mark.parametrize("name", list(detectors))
def test_what_was_measured_best_is_chosen_and_it_fits(name):
    detector = detectors[name]()
    model, why = choose_model(name, detector.schema)
    assert models[model].misfit(detector.schema) is None
    for tried in detector.measured.auc if detector.measured else ():
        assert models[tried].misfit(detector.schema) is None
    if detector.measured:
        assert model == detector.measured.best
        assert detector.measured.sample in why
    else:
        assert "by rule" in why


def test_the_rule_where_nothing_was_measured():
    def chosen(name, **changes):
        schema = detectors[name]().schema.model_copy(update=changes)
        model, why = choose_model("nobody's", schema)
        assert model == by_rule(schema)[0]
        assert "by rule" in why
        return model

    assert chosen("belle2-pxd-clusters") == "mlp"
    assert chosen("clic-lcd") == "resnet"
    assert chosen("next-tpc") == "sparse-cnn", "points"
    assert chosen("lariat") == "sparse-cnn", "two million cells"


def test_the_best_is_that_of_the_largest_area():
    measured = Measured("a sample", {"resnet": (0.81, 0.01), "bdt": (0.83, 0.01)})
    assert replace(measured, auc={**measured.auc, "mlp": (0.9, 0.1)}).best == "mlp"
    assert measured.best == "bdt"
