"""NEXT: single electrons and neutrinoless double beta decays in high-pressure xenon, as voxels."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, model_validator

from pidcam.events import EventBatch, Points
from pidcam.simulation.double_beta import draw_neutrinoless
from pidcam.simulation.electron_tables import ElectronTable, electron_table
from pidcam.simulation.electron_transport import Volume, new_heap
from pidcam.simulation.matter import xenon_gas
from pidcam.simulation.photon_transport import PhotonTable, photon_table
from pidcam.simulation.photons import XENON
from pidcam.simulation.voxels import AXIS_BITS, new_voxel_table
from pidcam.simulation.xenon_tracks import Readout, simulate_tracks
from pidcam.simulators.base import (
    Generator,
    Interval,
    Parameters,
    Simulator,
    Species,
    make_events,
    quantity,
    simulators,
)

Q = 2.4578
"""MeV set free in the decay of 136Xe."""

DENSITY = 0.0874
"""g/cm^3 at which the lengths below are tuned: 15 bar. They shrink in denser gas."""

STOPS, LONGEST, CLUSTER = 0.02, 0.3, 0.2
"""MeV below which an electron stops where it is (its range is 0.2 mm); mm of a step, and of what falls on a point."""

HARD = 0.001
"""MeV: collisions that give more are made one by one."""


def _triple(value: Any) -> Any:
    return (value,) * 3 if isinstance(value, int | float) and not isinstance(value, bool) else value


Voxel = Annotated[tuple[float, float, float], BeforeValidator(_triple)]


class NextTpc(Parameters):
    """Tracks of electrons in xenon gas, every effect of which can be switched off.

    The Q value of 136Xe is shared by the two electrons of `bb0nu`, or belongs to the one of `electron`. Vertices lie
    within one voxel around the origin, directions are isotropic. A single electron then begins there and two electrons
    part there, which no detector would know: `centred` takes that hint away.
    """

    pressure: float = quantity(15.0, "pressure of the xenon, at 293 K", "bar", ge=1, le=20)
    voxel: Voxel = quantity((1.0, 1.0, 1.0), "size of the voxels along x, y, z; one number for a cube", "mm")
    centred: bool = quantity(False, "tracks are moved by whole voxels until the mean of their energy is at the origin")
    half_size: float = quantity(200.0, "half the side of the cube that is read out (the grid ends at 200)", "mm", gt=0)
    energy: float = quantity(Q, "kinetic energy of all electrons together", "MeV", gt=0.1, le=10)
    scattering: float = quantity(1.0, "multiple scattering: factor on its cross-section, 0 for none", ge=0, le=10)
    fluctuations: bool = quantity(True, "energy is lost in collisions of all sizes, else steadily")
    bremsstrahlung: bool = quantity(True, "electrons radiate; photons leave, scatter or are absorbed")
    radiates_from: float = quantity(0.0, "electrons of less kinetic energy do not radiate", "MeV", ge=0)
    secondaries: bool = quantity(True, "electrons that collisions free have tracks, else they stop where they are born")
    fluorescence: bool = quantity(True, "x-rays of the K shell after photoelectric absorption")
    diffusion: bool = quantity(False, "the charge spreads on its way to the anode")
    across: float = quantity(1.0, "transverse diffusion", "mm/sqrt(cm)", ge=0)
    along: float = quantity(0.3, "longitudinal diffusion", "mm/sqrt(cm)", ge=0)
    drift: Interval = quantity((20.0, 100.0), "distance of the origin from the anode, along z", "cm")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.voxel) <= 0:
            raise ValueError(f"voxels have a size above 0 mm, not {min(self.voxel):g}")
        if max(self.voxel) > 2 * self.half_size:
            raise ValueError(f"voxel of {max(self.voxel):g} mm is larger than the detector ({2 * self.half_size:g} mm)")
        if 2 * self.half_size / min(self.voxel) >= 1 << AXIS_BITS:
            raise ValueError(f"voxels of {min(self.voxel):g} mm are too many for {2 * self.half_size:g} mm")
        if self.diffusion and self.drift[0] < self.half_size / 10:
            raise ValueError(f"the anode at {self.drift[0]:g} cm is inside the cube of half_size {self.half_size:g} mm")
        return self


@lru_cache(maxsize=4)
def _tables(
    pressure: float,
    energy: float,
    scattering: float,
    fluctuations: bool,
    bremsstrahlung: bool,
    radiates_from: float,
    secondaries: bool,
    fluorescence: bool,
) -> tuple[ElectronTable, PhotonTable, float]:
    xenon = xenon_gas(pressure)
    shrink = DENSITY / xenon.density
    stops = STOPS * shrink ** (-1 / 1.7)  # the range goes like T^1.7
    cut = HARD if fluctuations else stops if secondaries else np.inf
    electrons = electron_table(
        xenon,
        energy,
        lowest=stops,
        knock_on_cut=cut,
        radiates_from=radiates_from,
        scattering=scattering,
        fluctuations=fluctuations,
        bremsstrahlung=bremsstrahlung,
    )
    return electrons, photon_table(xenon, XENON, highest=max(energy, 1.0), fluorescence=fluorescence), shrink


def events(parameters: NextTpc, species: Species, n: int, rng: Generator) -> EventBatch:
    """A block of tracks, voxel by voxel."""
    p = parameters
    electrons, photons, shrink = _tables(
        p.pressure,
        p.energy,
        p.scattering,
        p.fluctuations,
        p.bremsstrahlung,
        p.radiates_from,
        p.secondaries,
        p.fluorescence,
    )
    if species.of == "bb0nu":
        kinetic, cosine = draw_neutrinoless(rng, n, p.energy)
    else:
        kinetic, cosine = np.tile([p.energy, 0.0], (n, 1)), np.zeros(n)
    half = p.half_size
    born = electrons.lowest if p.secondaries else np.inf
    volume = Volume((-half,) * 3, (half,) * 3, LONGEST * shrink, born, CLUSTER * shrink)
    spread = (p.across, p.along) if p.diffusion else (0.0, 0.0)
    across, along = (d / np.sqrt(10) for d in spread)  # per root of a mm
    readout = Readout(p.voxel, across, along, (10 * p.drift[0], 10 * p.drift[1]))
    vertex = np.minimum(rng.random((n, 3)) * p.voxel, half * 0.999)
    direction, offsets = np.zeros((n, 2, 3)), np.zeros(n + 1, np.int64)
    place, energy = np.empty((0, 3), np.int64), np.empty(0)
    heap, voxels, done = new_heap(), new_voxel_table(), 0
    while done < n:
        grown = max(n * 500, 1 << 17)
        place = np.concatenate([place[: offsets[done]], np.empty((grown, 3), np.int64)])
        energy = np.concatenate([energy[: offsets[done]], np.empty(grown)])
        done = simulate_tracks(
            rng, electrons, photons, volume, readout, heap, voxels,
            kinetic, cosine, vertex, direction, offsets, place, energy, done,
        )  # fmt: skip
    place, energy = place[: offsets[n]], energy[: offsets[n]]
    if p.centred:
        step = _to_the_middle(place, energy, offsets, half / np.array(p.voxel))
        vertex, place = vertex + step * p.voxel, place + np.repeat(step, np.diff(offsets), axis=0)
        inside = ((place >= 0) & ((place + 0.5) * p.voxel < 2 * half)).all(axis=1)
        place, energy, offsets = place[inside], energy[inside], np.concatenate([[0], np.cumsum(inside)])[offsets]
    centre = (place + 0.5) * p.voxel - half
    track = Points(offsets, centre.astype(np.float32), energy[:, None].astype(np.float32))
    targets = {f"vertex_{axis}": vertex[:, i] for i, axis in enumerate("xyz")}
    targets |= {"kinetic_1": kinetic[:, 0], "kinetic_2": kinetic[:, 1]}
    return make_events("next-tpc", species, {"track": track}, targets=targets)


def _to_the_middle(place: np.ndarray, energy: np.ndarray, offsets: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """(n, 3) voxels by which each event is moved so that the mean of its energy is in the voxel at `middle` (3,)."""
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    total = np.bincount(event, energy, len(offsets) - 1)
    mean = [np.bincount(event, energy * (place[:, i] + 0.5), len(total)) / np.maximum(total, 1e-12) for i in range(3)]
    return np.where(total[:, None] > 0, np.rint(middle - np.stack(mean, axis=1)), 0).astype(np.int64)


simulators.add(
    "next-tpc",
    Simulator(
        detector="next-tpc",
        parameters=NextTpc,
        species=(Species("electron", "electron", (11,), "electron"), Species("bb0nu", "bb0nu", (), "bb0nu")),
        events=events,
        file_name=lambda parameters, species, n, number: f"{species.file}.h5",
    ),
)
