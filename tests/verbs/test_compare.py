"""`compare` and `report` of real runs."""

import json

import pytest
from sklearn.metrics import roc_auc_score

import pidcam
from pidcam.errors import InputError, MismatchError, UnknownNameError
from pidcam.predictions import Predictions


def test_compares_and_writes(evaluated, tmp_path):
    out = tmp_path / "both"
    result = pidcam.compare(list(evaluated.values()), out=out, table="tex")
    assert result.reference == "mlp"
    tests = [Predictions.load(run / "predictions" / "test.parquet") for run in evaluated.values()]
    areas = [roc_auc_score(t.label == 1, t.columns["p_electron"]) for t in tests]
    assert [row.numbers["auc"] for row in result.rows] == pytest.approx(areas)
    assert result.rows[1].paired.auc.difference == pytest.approx(areas[1] - areas[0])
    assert {path.name for path in out.iterdir()} == {"comparison.json", "comparison.tex", "roc.png", "roc.pdf"}
    assert json.loads((out / "comparison.json").read_text()) == result.as_json()
    assert result.rows[0].parameters == pidcam.load_run(evaluated["mlp"]).about["parameters"]


def test_another_reference(evaluated):
    result = pidcam.compare(list(evaluated.values()), reference="bdt")
    assert [row.name for row in result.rows] == ["bdt", "mlp"]
    with pytest.raises(UnknownNameError) as error:
        pidcam.compare(list(evaluated.values()), reference="btd")
    assert str(error.value) == "reference: unknown run 'btd'; did you mean 'bdt'?"


def test_folders_of_the_same_name_are_told_apart(evaluated, copy):
    result = pidcam.compare([evaluated["mlp"], copy("mlp")])
    assert result.rows[0].name == str(evaluated["mlp"])
    assert result.rows[1].paired.auc.difference == 0
    (group,) = result.seeds  # equal but for the seed, which is equal too
    assert len(group.runs) == 2


def test_bad_input_is_one_line(evaluated, copy, tmp_path):
    mlp = evaluated["mlp"]
    other = copy("bdt")
    table = Predictions.load(other / "predictions" / "test.parquet")
    table.take(slice(0, 30)).save(other / "predictions" / "test.parquet")
    with pytest.raises(MismatchError) as error:
        pidcam.compare([mlp, other])
    assert str(error.value) == (
        "bdt: holds 30 events, the reference 40: not the same sample; "
        "compare runs that were evaluated on the same store"
    )
    for path in other.glob("predictions/*"):
        path.unlink()
    (other / "metrics.json").unlink()
    lines = {
        (mlp, other): f"{other}: has not been evaluated; run: pidcam evaluate {other}",
        (mlp,): "a comparison needs two runs or more; pidcam compare RUN RUN ...",
        (mlp, mlp): f"{mlp}: is given twice; name each run once",
        (mlp, tmp_path / "no"): f"{tmp_path / 'no'}: no such run; make one with: pidcam train STORE --out RUN",
    }
    for paths, line in lines.items():
        with pytest.raises(InputError) as error:
            pidcam.compare(paths)
        assert str(error.value) == line
