"""The commands on a report's page do make the run again."""

import shlex
from pathlib import Path

from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.runs import RunDirectory
from pidcam.store.store import Store
from pidcam.verbs.commands import prepare_command, report_command, run_commands


def test_a_store_is_made_again_with_its_options(egamma_files, tmp_path, monkeypatch):
    store = pidcam.prepare(
        "cms-ecal", egamma_files, tmp_path / "a b", seed=3, limit=20, keep_empty=True, split="0.5/0.25/0.25", workers=1,
        steps=["threshold image=ecal minimum=0.001"], class_weight={"electron": 2.0}, reweight=["energy:2"],
        select="hits > 3",
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    command = prepare_command(store)
    assert command.startswith("pidcam prepare cms-ecal /")
    assert " --out 'a b' --split 0.5/0.25/0.25 --seed 3 --keep-empty --limit 20 --select 'hits > 3' " in command
    words = shlex.split(command)[1:]
    words[words.index("--out") + 1] = "again"
    done = CliRunner().invoke(app, [*words, "--quiet"])
    assert done.exit_code == 0, done.output
    again = Store("again").manifest
    assert (again.options, again.fingerprint) == (store.manifest.options, store.manifest.fingerprint)


def test_a_run_is_made_again_from_its_own_configuration(evaluated, egamma_store):
    run = evaluated["mlp"]
    metrics = {"by": {"energy": {"asked": "energy:0,50,100"}}, "robustness": {"shifts": [{"shift": "scale=1.02"}]}}
    train, evaluate = run_commands(RunDirectory.open(run), egamma_store.path, {**metrics, "saliency": {}})
    assert evaluate == f"pidcam evaluate {run} --by energy:0,50,100 --shift scale=1.02 --saliency"
    before = (run / "config.yaml").read_bytes()
    # the same configuration again is taken as the same run, which is finished already
    done = CliRunner().invoke(app, shlex.split(train)[1:])
    assert done.exit_code == 0, done.output
    assert (run / "config.yaml").read_bytes() == before
    assert report_command([Path("/r/a"), Path("/r/b")], Path("/r/page.html")) == (
        "pidcam report /r/a /r/b --out /r/page.html"
    )
    page = pidcam.report(run, out=run / "commands.html").read_text(encoding="utf-8")
    assert prepare_command(egamma_store).split(" --out")[0] in page
    assert train in page


def test_the_note_of_a_run_is_said_wherever_its_results_are(egamma_store, evaluated, tmp_path):
    run = tmp_path / "short"
    words = [str(egamma_store.path), "--model", "bdt", "--out", str(run), "--note", "three trees", "model.trees=3"]
    done = CliRunner().invoke(app, ["train", *words])
    assert done.exit_code == 0, done.output
    pidcam.evaluate(run)
    assert run_commands(RunDirectory.open(run), egamma_store.path, {})[0].endswith(f"--out {run} --note 'three trees'")
    assert pidcam.compare([evaluated["mlp"], run]).warnings["short"][0] == "three trees"
    assert "Note: three trees." in pidcam.report(run).read_text(encoding="utf-8")
    assert "three trees" in CliRunner().invoke(app, ["inspect", str(run)]).stdout
    again = CliRunner().invoke(app, ["train", "--resume", str(run), "--note", "other"])
    assert (again.exit_code, again.stderr) == (2, "pidcam: --note does not go with --resume; leave --note out\n")
