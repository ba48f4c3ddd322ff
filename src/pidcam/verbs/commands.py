"""The commands that make a run and its report again, from what store and run say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pidcam.detectors.base import detectors
from pidcam.runs import RunDirectory
from pidcam.store.store import Store
from pidcam.training.group import Group


def prepare_command(store: Store) -> str:
    """`pidcam prepare` with the files, the place and every option of a store."""
    manifest = store.manifest
    detector = manifest.detector if manifest.detector in detectors else f"{manifest.detector}.yaml"
    options = {"split": manifest.split.split()[0], "seed": manifest.seed, **manifest.options}
    options.pop("shard_events", None)  # the size of the store's files changes nothing in them
    words = [word for name, value in options.items() for word in _option(name, value)]
    learn, judge = ([Path(s.path) for s in manifest.sources if s.test == test] for test in (False, True))
    test = [word for path in judge for word in ("--test", path)]
    return _line("prepare", detector, *learn, *test, "--out", store.path, *words)


def run_commands(
    directory: RunDirectory, store: Path, metrics: Mapping[str, Any], group: Group | None = None
) -> list[str]:
    """`pidcam train` with the whole configuration and the note of a run, `pidcam evaluate` with all that was asked; of
    the whole group that the run is the first member of, if one is given."""
    note = directory.about.get("note", "")
    run, several = (group.path, [f"--{group.kind}", str(len(group.members))]) if group else (directory.path, [])
    more = [*several, *(["--note", note] if note else [])]
    train = _line("train", store, "--config", directory.path / "config.yaml", "--out", run, *more)
    asked: list[str] = []
    if by := metrics.get("by"):
        asked += ["--by", *(of.get("asked", name) for name, of in by.items())]
    if "robustness" in metrics:
        asked += ["--shift", *(row["shift"] for row in metrics["robustness"]["shifts"])]
    asked += [f"--{name}" for name in ("importance", "saliency") if name in metrics]
    return [train, _line("evaluate", run, *asked)]


def report_command(runs: Sequence[Path], out: Path) -> str:
    """`pidcam report` of these runs."""
    return _line("report", *runs, "--out", out)


def _option(name: str, value: Any) -> list[str]:
    """An option of `prepare` as it is written: a flag, a value, or `a=1,b=2`; several, one after the other."""
    option = f"--{name.removesuffix('s' if name == 'steps' else '').replace('_', '-')}"
    if value is True:
        return [option]
    if isinstance(value, Mapping):
        return [option, ",".join(f"{key}={each}" for key, each in value.items())]
    if isinstance(value, list | tuple):
        return [word for each in value for word in (option, _step(each) if isinstance(each, Mapping) else str(each))]
    return [option, str(value)]


def _step(step: Mapping[str, Any]) -> str:
    """`threshold image=ecal minimum=0.1`."""
    return shlex.join([step["name"], *(f"{key}={value}" for key, value in step.items() if key != "name")])


def _line(*words: Any) -> str:
    return shlex.join(["pidcam", *(_short(word) if isinstance(word, Path) else str(word) for word in words)])


def _short(path: Path) -> str:
    """From the working directory, if it is below that."""
    full = path.absolute()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)
