"""`evaluate`, `compare`, `display` and `predict --calibrated` on the command line."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from pidcam.cli.main import app


def call(*words):
    done = CliRunner().invoke(app, [*map(str, words), "--quiet"])
    return done.exit_code, done.stdout, done.stderr


def strict(text):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_options_that_take_several_values(copy):
    run = copy("bdt")
    words = ("--by", "energy", "hits:0,40,500", "--shift", "scale=1.1", "dead=0.5+scale=2", "--json")
    code, out, _ = call("evaluate", run, *words)
    metrics = strict(out)["metrics"]
    assert code == 0
    assert metrics["by"].keys() == {"energy", "hits"}
    assert [row["shift"] for row in metrics["robustness"]["shifts"]] == ["scale=1.1", "dead=0.5+scale=2"]
    assert metrics == strict((run / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["foo"], "pidcam: 'foo' belongs to no option; did you mean --by foo?"),
        (["--by", "energy", "scale=2"], "pidcam: 'scale=2' belongs to no option; did you mean --shift scale=2?"),
        (["--shift", "scale=2", "hits"], "pidcam: 'hits' belongs to no option; did you mean --by hits?"),
    ],
)
def test_a_value_without_its_option_is_one_line(evaluated, words, line):
    code, out, error = call("evaluate", evaluated["bdt"], *words)
    assert (code, out, error) == (2, "", f"{line}\n")


def test_people_see_tables_and_warnings(copy):
    run = copy("bdt")
    code, out, _ = call("evaluate", run)
    assert code == 0
    assert "Results per split" in out
    assert "Working points: chosen on validation, quoted on test" in out
    assert "calibration: ECE " in out
    assert "working points: fewer than 100 background events pass at " in out
    assert out.endswith(f"next: pidcam report {run}\n")


def test_tables_alone_are_printed_for_papers(copy):
    run = copy("bdt")
    code, out, _ = call("evaluate", run, "--table", "tex")
    assert code == 0
    assert out.startswith("% Results per split\n\\begin{tabular}{lrrrr}\n")
    assert out == "\n".join(
        (run / "tables" / f"{n}.tex").read_text() for n in ("results", "working_points", "cuts", "purity")
    )


def test_compare(evaluated, tmp_path):
    runs = list(evaluated.values())
    code, out, _ = call("compare", *runs, "--out", tmp_path / "c", "--json")
    assert code == 0
    content = strict(out)
    assert content.pop("out") == str(tmp_path / "c")
    assert content == strict((tmp_path / "c" / "comparison.json").read_text())
    code, out, _ = call("compare", *runs, "--out", tmp_path / "c", "--table", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["run"] for row in rows] == ["mlp", "bdt"]
    assert float(rows[1]["difference"]) == content["rows"][1]["paired"]["auc"]["difference"]
    code, out, _ = call("compare", *runs, "--out", tmp_path / "c")
    assert code == 0
    assert "Test events; paired differences of AUC to mlp" in out


def test_display(evaluated):
    code, out, _ = call("display", evaluated["mlp"], "--mistakes", "-n", "2", "--json")
    events = strict(out)["events"]
    assert code == 0
    assert len(events) == 2
    assert all(event["true"] != event["predicted"] for event in events)


def test_predict_calibrated(evaluated, egamma_store, tmp_path):
    out = tmp_path / "scores.parquet"
    assert call("predict", evaluated["mlp"], egamma_store.path, "--out", out, "--calibrated")[0] == 0
    assert out.exists()
