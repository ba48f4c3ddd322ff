"""Simulate any number of events in parallel, with bounded memory: blocks -> parts on disk -> official raw files.

Every block has random numbers of its own, from (seed, species, file, block): the files are a function of the request,
whatever the number of workers and however often the work was stopped and called again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

import pidcam
from pidcam.claim import WORK, Kind, claimed
from pidcam.detectors.base import detectors
from pidcam.errors import InputError, MissingExtraError
from pidcam.files import read_json, write_json, writing
from pidcam.formats.layout import open_writer
from pidcam.jobs import available_cores, run_jobs, worker_pool
from pidcam.simulators.base import Parameters, Simulator, Species, simulators
from pidcam.store.shards import read_shard, write_shard

RECORD = "simulation.json"
REQUEST = ".simulation-request.json"

ENOUGH = 2
"""Blocks that make one more process worth its start."""


@dataclass(frozen=True)
class RawFile:
    """A file to be made: its path in the output folder, and the events in it."""

    name: str
    species: Species
    number: int
    events: int


@dataclass(frozen=True)
class Block:
    """Events [start, start + n) of a file, to be simulated into `part`."""

    detector: str
    parameters: Parameters
    file: RawFile
    seed: int
    number: int
    n: int
    part: Path


@dataclass(frozen=True)
class Assembly:
    """Parts that make up a raw file at `path`, and what is recorded in it."""

    detector: str
    path: Path
    parts: tuple[Path, ...]
    events: int
    about: dict[str, Any]


def simulate_files(
    detector: str,
    parameters: Parameters,
    species: Sequence[Species],
    n: int,
    seed: int,
    out: Path,
    *,
    workers: int | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Write `n` events of each species into the folder `out` and return the content of its `simulation.json`.

    Called again it finishes what was stopped, or returns what is there. Raises `ExistsError` if `out` holds anything
    else, `InputError` for n < 1, `MissingExtraError` if the simulator needs one.
    """
    simulator = simulators[detector]
    if n < 1:
        raise InputError(f"{n} events cannot be simulated", fix="ask for at least one of each species")
    _require(f"simulating '{detector}'", simulator)
    for one in species:
        _require(f"simulating species '{one.name}'", one)
    files = [file for one in species for file in _files(simulator, parameters, one, n)]
    request: dict[str, object] = {
        "pidcam": pidcam.__version__,
        "detector": detector,
        "seed": seed,
        "events_per_species": n,
        "species": {s.name: list(s.pdg) for s in species},
        "parameters": parameters.model_dump(mode="json"),
    }
    kind = Kind(
        "simulation", "simulate", "parameters, species, seed or number of events", REQUEST, RECORD,
        made=tuple(file.name for file in files),
    )  # fmt: skip
    with claimed(out, request, kind):
        if not kind.is_finished(out):
            blocks = sum(-(-file.events // simulator.block) for file in files)
            workers = workers or min(available_cores(), max(blocks // ENOUGH, 1))
            with nullcontext(executor) if executor or workers == 1 else worker_pool(workers) as pool:
                _simulate(simulator, parameters, files, request, out, partial(run_jobs, workers=1, executor=pool))
    record: dict[str, Any] = read_json(out / RECORD)
    return record


def _require(what: str, one: Simulator | Species) -> None:
    if any(find_spec(module) is None for module in one.modules):
        raise MissingExtraError(what, str(one.extra))


def _files(simulator: Simulator, parameters: Parameters, species: Species, n: int) -> Iterator[RawFile]:
    size = simulator.file_events or n
    for number, start in enumerate(range(0, n, size)):
        events = min(size, n - start)
        yield RawFile(simulator.file_name(parameters, species, events, number), species, number, events)


def _simulate(
    simulator: Simulator,
    parameters: Parameters,
    files: Sequence[RawFile],
    about: dict[str, Any],
    out: Path,
    run: Callable[..., list[Any]],
) -> None:
    """`run` is `run_jobs` on whatever does the work."""
    work = (out / WORK).absolute()
    with writing(out):
        work.mkdir(exist_ok=True)
    blocks, assemblies = [], []
    for index, file in enumerate(files):
        if (out / file.name).exists():  # written by a call that was stopped later
            continue
        mine = []
        for number, start in enumerate(range(0, file.events, simulator.block)):
            n = min(simulator.block, file.events - start)
            part = work / f"{index:06d}-{number:06d}.arrow"
            mine.append(Block(simulator.detector, parameters, file, about["seed"], number, n, part))
        blocks += mine
        parts = tuple(block.part for block in mine)
        assemblies.append(Assembly(simulator.detector, (out / file.name).absolute(), parts, file.events, about))
    run(simulate_block, blocks, description="simulating", size=lambda block: block.n)
    run(assemble, assemblies, description="writing", size=lambda assembly: assembly.events)
    for part in out.rglob(".*.part"):  # left by a call that was killed
        part.unlink()
    listed = [{"file": f.name, "species": f.species.name, "class": f.species.of, "events": f.events} for f in files]
    write_json(out / RECORD, {**about, "files": listed})
    shutil.rmtree(work)


def block_generator(seed: int, species: str, file: int, block: int) -> np.random.Generator:
    """The random numbers of one block: a stream of its own, of the generator that is the quickest in compiled loops."""
    name = xxhash.xxh32_intdigest(species.encode())  # not its number: a choice of species changes none of them
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, name, file, block])))


def simulate_block(block: Block) -> None:
    """Simulate one block into its part, or find it done."""
    if block.part.exists():
        return
    rng = block_generator(block.seed, block.file.species.name, block.file.number, block.number)
    batch = simulators[block.detector].events(block.parameters, block.file.species, block.n, rng)
    write_shard(block.part, batch)


def assemble(assembly: Assembly) -> None:
    """Write the parts in their order as one official raw file."""
    if assembly.path.exists():
        return
    schema, layout = detectors[assembly.detector]().simulated
    with open_writer(assembly.path, layout, schema, about=assembly.about) as writer:
        for part in assembly.parts:
            writer.write(read_shard(part, schema))
    for part in assembly.parts:
        part.unlink()
