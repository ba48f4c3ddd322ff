"""`compare` and `report` of real runs."""

import json
import re

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


def test_a_report_of_several_runs_compares_them(evaluated, tmp_path):
    page = pidcam.report(list(evaluated.values()), out=tmp_path / "page.html").read_text(encoding="utf-8")
    c = pidcam.compare(list(evaluated.values())).rows[1].paired.auc
    assert f"Test AUC of bdt minus mlp: {c.difference:+.4f} ± {c.error:.4f} (paired DeLong on the same events" in page
    assert "working points: fewer than 100 background events pass at " in page
    table = page[page.index('<section id="comparison"') :]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)<", table[: table.index("</thead>")])
    assert heads[:5] == ["run", "AUC", "difference", "z", "p"]
    assert not {"accuracy", "fit time [s]", "parameters"} & set(heads), "those are in the table of the summary"
    other = pidcam.report(list(evaluated.values()), out=tmp_path / "other.html", reference="bdt")
    assert "Test AUC of mlp minus bdt: " in other.read_text(encoding="utf-8")


def test_a_report_of_seeds_gives_mean_and_spread(evaluated, copy, tmp_path):
    page = pidcam.report([evaluated["mlp"], copy("mlp")], out=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "differ in the seed alone: mean test AUC " in page
    assert "spread over seeds 0.0000, statistical error " in page


def test_a_report_of_runs_that_cannot_be_compared_says_why(evaluated, copy, tmp_path):
    other = copy("bdt")
    table = Predictions.load(other / "predictions" / "test.parquet")
    table.take(slice(0, 30)).save(other / "predictions" / "test.parquet")
    page = pidcam.report([evaluated["mlp"], other], out=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Not compared: bdt: holds 30 events, the reference 40: not the same sample" in page
