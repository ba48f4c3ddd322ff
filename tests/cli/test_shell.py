"""What all verbs share: fast help, --json on stdout alone, exit codes, one line for errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app

runner = CliRunner()


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nsys.argv = ['pidcam', '--help']\n"
        "from pidcam.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "heavy = {'torch', 'numpy', 'numba', 'pyarrow', 'matplotlib', 'h5py', 'scipy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "prepare" in done.stdout


def test_every_verb_takes_json_debug_and_quiet():
    import typer

    commands = typer.main.get_command(app).commands
    for name, command in commands.items():
        options = {option for p in command.params for option in p.opts}
        assert {"--json", "--debug", "--quiet"} <= options, name
        assert command.help, name


def test_list_models_as_json():
    result = runner.invoke(app, ["list", "models", "--json"])
    models = {m["name"]: m for m in json.loads(result.stdout)}
    assert models["reference-cnn"]["parameters"]["cms-ecal"] == 868_993
    assert "cms-ecal" in models["resnet"]["detectors"]


def test_unknown_kind_names_the_nearest():
    result = runner.invoke(app, ["list", "model"])
    assert result.exit_code == 2
    assert result.stderr == "pidcam: unknown kind 'model'; did you mean 'models'?\n"
    assert result.stdout == ""


def test_debug_shows_the_trace():
    result = runner.invoke(app, ["list", "model", "--debug"])
    assert "Traceback" in result.stderr


def test_internal_fault_is_one_line_and_exit_1(monkeypatch):
    monkeypatch.setattr("pidcam.verbs.list.list_things", lambda kind: 1 / 0)
    result = runner.invoke(app, ["list", "models"])
    assert result.exit_code == 1
    assert result.stderr == (
        "pidcam: internal fault, ZeroDivisionError: division by zero; "
        "please report it with the output of the same command and --debug\n"
    )


def test_interrupt_is_exit_130(monkeypatch):
    def interrupted(kind):
        raise KeyboardInterrupt

    monkeypatch.setattr("pidcam.verbs.list.list_things", interrupted)
    assert runner.invoke(app, ["list", "models"]).exit_code == 130


def test_version_comes_from_one_place():
    from importlib.metadata import version

    assert runner.invoke(app, ["--version"]).stdout.strip() == pidcam.__version__ == version("pidcam")


@pytest.mark.parametrize("name", [n for n in dir(pidcam) if n in pidcam._PUBLIC])
def test_every_public_name_is_there_and_documented(name):
    assert getattr(pidcam, name).__doc__
    module = pidcam._PUBLIC[name].partition(":")[0]
    assert module.startswith("pidcam.")
