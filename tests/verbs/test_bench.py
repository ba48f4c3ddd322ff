"""The study of batch sizes: its trials, its files, and what it refuses. No test asks how long anything took."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.errors import ExistsError, InputError, UnknownNameError
from pidcam.training.utilisation import mean_reading

HOW = {"model": "mlp", "seconds": 0.02, "set": ["training.precision=fp32", "model.widths=[8]"]}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Of a detector that is simulated for it."""
    out = tmp_path_factory.mktemp("bench") / "toy"
    return pidcam.bench("batch-size", "toy", out, n=300, sizes=(16, 64, 4096), **HOW)


def test_every_size_that_fits_is_tried_on_every_device(study):
    assert [(t.batch_size, t.learning_rate) for t in study.trials] == [(16, 1e-3), (64, 1e-3)]
    for trial in study.trials:
        assert trial.steps >= 2
        assert trial.seconds >= 0.02
        assert trial.seconds_per_epoch == pytest.approx(study.train_events / trial.events_per_second)
        assert 0 < trial.utilisation <= 1
        assert 0 <= trial.value <= 1
        assert trial.error > 0
    assert study.best in study.trials
    assert study.metric == "auc"


def test_json_table_and_figure_say_the_same(study):
    told = json.loads((study.path / "batch_size.json").read_text(encoding="utf-8"))
    assert [trial["value"] for trial in told["trials"]] == [trial.value for trial in study.trials]
    assert told["pidcam"]
    rows = list(csv.DictReader((study.path / "batch_size.csv").open(encoding="utf-8")))
    assert [float(row["valid AUC"]) for row in rows] == [trial.value for trial in study.trials]
    assert (study.path / "batch_size.png").exists()


def test_a_study_is_never_overwritten(study):
    with pytest.raises(ExistsError, match="nothing was overwritten"):
        pidcam.bench("batch-size", study.store, study.path, **HOW)


def test_a_size_that_cannot_be_measured_says_why_and_the_others_go_on(study, tmp_path):
    how = {**HOW, "set": [*HOW["set"], "training.optimiser.lr=1e30", "training.schedule.name=constant"]}
    (trial,) = pidcam.bench("batch-size", study.store, tmp_path / "nan", sizes=[16], **{**how, "seconds": 5}).trials
    assert trial.note.startswith("the loss is nan")
    assert trial.value is None


def test_on_the_command_line_with_a_learning_rate_that_grows_with_the_batch(study, tmp_path):
    options = ["--model", "mlp", "--sizes", "16,64", "--seconds", "0.02", "--scale-lr", "--json"]
    words = ["bench", "batch-size", str(study.store), "--out", str(tmp_path / "cli"), *options]
    done = CliRunner().invoke(app, [*words, "training.batch_size=64", "training.precision=fp32"])
    assert done.exit_code == 0, done.output
    assert [t["learning_rate"] for t in json.loads(done.stdout)["trials"]] == pytest.approx([5e-4, 1e-3])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"kind": "batchsize"}, UnknownNameError, "unknown bench 'batchsize'; did you mean 'batch-size'?"),
        ({"source": "toi"}, InputError, "toi: is neither a store nor a detector"),
        ({"sizes": []}, InputError, "must be above zero"),
        ({"model": "bdt", "set": []}, InputError, "model 'bdt' does not learn in batches"),
    ],
)
def test_mistakes_are_told_in_one_line(study, tmp_path, change, error, words):
    asked = {"kind": "batch-size", "source": study.store, "sizes": [16], **HOW, **change}
    with pytest.raises(error) as caught:
        pidcam.bench(out=tmp_path / "out", **asked)
    assert words in str(caught.value)


def test_what_nvidia_smi_prints_is_averaged():
    assert mean_reading("10\n30\n[N/A]\n") == pytest.approx(0.2)
    assert mean_reading("[N/A]\n") is None
