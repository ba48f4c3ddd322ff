"""The run directory: the truth about a training run, readable with nothing but a text editor and safetensors.

config.yaml            resolved configuration
run.json               format, state, versions, git commit, schema, classes, split and fingerprint, what was measured,
                       the note to be read with the results, warnings
history.jsonl          one line per epoch
checkpoints/           last, best and, where asked for, epoch-N.safetensors; the state beside the tensors is JSON in the
                       file's header
model/                 the fitted model
predictions/           one Parquet table per split
metrics.json           per split
figures/, report.html  for people
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import DataError, InputError
from pidcam.files import atomic_path, read_json, write_json, write_text, writing
from pidcam.progress import say

FORMAT = 1


class RunDirectory:
    """Reads and writes the files of one run; knows nothing of models."""

    def __init__(self, path: Path | str):
        self.path = Path(path)

    @classmethod
    def open(cls, path: Path | str) -> RunDirectory:
        """An existing run; one clear line if there is none, or of another format."""
        run = cls(path)
        if not (run.path / "run.json").exists():
            if (run.path / "group.json").exists():
                members = ", ".join(read_json(run.path / "group.json")["members"])
                raise InputError("is a group of runs", where=path, fix=f"give one of them: {members}")
            what = "no such run" if not run.path.exists() else "is not a run (it has no run.json)"
            raise InputError(what, where=path, fix="make one with: pidcam train STORE --out RUN")
        if (found := run.about.get("format")) != FORMAT:
            raise DataError(f"has run format {found}, this pidcam reads {FORMAT}", where=path)
        return run

    @property
    def about(self) -> dict[str, Any]:
        """The content of run.json."""
        content = read_json(self.path / "run.json")
        if not isinstance(content, dict):
            raise DataError("is not a run description", where=self.path / "run.json")
        return content

    def update(self, **facts: Any) -> None:
        """Add facts to run.json."""
        known = self.about if (self.path / "run.json").exists() else {"format": FORMAT}
        write_json(self.path / "run.json", {**known, **facts})

    def write_config(self, text: str) -> None:
        write_text(self.path / "config.yaml", text)

    # history

    @property
    def history(self) -> list[dict[str, Any]]:
        path = self.path / "history.jsonl"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def epoch(self, row: dict[str, Any]) -> None:
        """Append a line of history; `epoch` counts from 1. A row of an epoch already told replaces it and all after."""
        told = [r for r in self.history if r["epoch"] < row["epoch"]]
        write_text(self.path / "history.jsonl", "".join(json.dumps(r) + "\n" for r in [*told, row]))

    # checkpoints

    def save_checkpoint(self, name: str, tensors: dict[str, np.ndarray], state: dict[str, Any]) -> None:
        """Tensors and JSON state in one file, atomically: they can never disagree."""
        from safetensors.numpy import save

        with atomic_path(self.path / "checkpoints" / f"{name}.safetensors") as part:
            part.write_bytes(save(tensors, metadata={"state": json.dumps(state)}))

    def load_checkpoint(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """What `save_checkpoint` wrote, or None if there is none."""
        from safetensors import SafetensorError, safe_open

        path = self.path / "checkpoints" / f"{name}.safetensors"
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return tensors, json.loads(file.metadata()["state"])
        except (SafetensorError, KeyError, TypeError) as error:
            raise DataError("is not a pidcam checkpoint", where=path) from error

    def keep_checkpoints(self, prefix: str, names: Sequence[str]) -> None:
        """Remove the checkpoints that begin with `prefix` and are not among `names`."""
        for path in (self.path / "checkpoints").glob(f"{prefix}*.safetensors"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def warn(self, line: str) -> None:
        """Say a warning and keep it in run.json, each once."""
        told = self.about.get("warnings", []) if (self.path / "run.json").exists() else []
        if line not in told:
            say(f"warning: {line}")
            self.update(warnings=[*told, line])

    def create(self) -> None:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)


def provenance() -> dict[str, Any]:
    """Versions and git commit of everything that made a run; JSON-ready."""
    from importlib.metadata import version

    packages = ("numpy", "torch", "lightgbm", "scikit-learn", "pyarrow", "h5py")
    return {
        "pidcam": version("pidcam"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}",
        "git_commit": _git_commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _git_commit() -> str | None:
    """Commit of the working directory, where people keep their analysis (`+`: with changes); None outside git."""
    try:
        commit, status = (
            subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=5, check=True).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if status else "")
