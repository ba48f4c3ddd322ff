"""`simulate`: official raw files of a detector, made by its fast simulator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pidcam.config import overrides, parse
from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError, InputError
from pidcam.jobs import cluster as on_cluster
from pidcam.simulators.base import simulators
from pidcam.simulators.run import simulate_files


@dataclass(frozen=True)
class Simulation:
    """Simulated raw files: `path` is their folder, `record` the content of its `simulation.json`."""

    path: Path
    record: dict[str, Any]

    @property
    def files(self) -> list[Path]:
        return [self.path / file["file"] for file in self.record["files"]]

    def as_json(self) -> dict[str, Any]:
        return {"out": str(self.path), **self.record}


def simulate(
    detector: str,
    n: int,
    out: Path | str | None = None,
    *,
    species: Sequence[str | int] | None = None,
    seed: int = 0,
    workers: int | None = None,
    cluster: str | None = None,
    set: Sequence[str] = (),
    **parameters: Any,
) -> Simulation:
    """Simulate `n` events of each species of `detector` into the folder `out` (default: `data/<detector>`).

    `species` are names, classes or PDG ids (default: all); `parameters` are those of the simulator, also as `set` of
    `key=value`. The files are a function of all this and `seed`, whether `workers` processes make them or those of the
    Dask scheduler at `cluster` (`tcp://host:port`). Called again it finishes what was stopped, or returns what is
    there; nothing is overwritten. Raises `UnknownNameError`, `ConfigError` or `InputError` for what it cannot make.
    """
    if detector not in simulators and detector in detectors:
        raise InputError(f"detector '{detector}' has no simulator", fix=f"simulated are: {', '.join(simulators)}")
    simulator = simulators[detector]
    if seed < 0:
        raise ConfigError(f"must not be negative, not {seed}", where="seed")
    given = parse(simulator.parameters, {**parameters, **overrides(set)}, where=f"simulator '{detector}'")
    chosen = simulator.choose(species)
    out = Path("data") / detector if out is None else Path(out)
    with on_cluster(cluster) as executor:
        record = simulate_files(detector, given, chosen, n, seed, out, workers=workers, executor=executor)
    return Simulation(out, record)
