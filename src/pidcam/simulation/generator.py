"""Particles from Pythia 8, whole batches of events at once: hard scatterings, soft collisions, hadronising partons.

C. Bierlich et al., "A comprehensive guide to the physics and usage of PYTHIA 8.3", SciPost Phys. Codebases 8 (2022).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.sparse import taken_runs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NEUTRINOS, GLUON = (12, 14, 16), 21
OUTGOING = 23
"""Pythia's status of what leaves the hard process."""


class Particles(NamedTuple):
    """Particles of events: event i owns `[offsets[i]:offsets[i+1]]` of the others. Neutrinos are left out.

    Momenta and energy in GeV, `charge` in units of the positron's, `radius` mm from the beam line where it was born.
    """

    offsets: Integers
    pdg: Integers
    charge: Floats
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    radius: Floats

    @property
    def event(self) -> Integers:
        """(particles,) number of the event."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    @property
    def pt(self) -> Floats:
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        return np.arcsinh(self.pz / np.maximum(self.pt, 1e-9))

    @property
    def phi(self) -> Floats:
        return np.arctan2(self.py, self.px)

    def keep(self, chosen: NDArray[np.bool_]) -> Particles:
        """Only particles that are True; every event stays."""
        offsets = np.concatenate([[0], np.cumsum(chosen)])[self.offsets]
        return Particles._make((offsets, *(column[chosen] for column in self[1:])))

    def take(self, events: Integers) -> Particles:
        """These events, in this order."""
        counts = np.diff(self.offsets)[events]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return Particles._make((offsets, *(taken_runs(column, self.offsets[events], offsets) for column in self[1:])))


def generate(settings: tuple[str, ...], n: int, seed: int, central: float = np.inf) -> tuple[Particles, Particles]:
    """n events: what they leave, and what leaves their hard process (nothing in soft ones). Pythia may fail at a few.

    A function of its arguments alone: `settings` are Pythia's, and random numbers begin anew from `seed`. Hard
    processes without anything in |eta| < `central` are not pursued.
    """
    import awkward

    pythia, _ = initialised(settings, central)
    pythia.rndm.init(seed)
    batch = pythia.nextBatch(n)
    offsets = np.concatenate([[0], np.cumsum(awkward.num(batch.prt).to_numpy())])
    flat = awkward.flatten(batch.prt)
    pdg, status = (flat[name].to_numpy().astype(np.int64) for name in ("id", "status"))
    kinds, inverse = np.unique(pdg, return_inverse=True)
    charge = np.array([pythia.particleData.charge(int(kind)) for kind in kinds], np.float64)[inverse]
    born = [awkward.fill_none(flat.vProd[name], 0.0).to_numpy() for name in ("px", "py")]
    momentum = [flat.p[name].to_numpy() for name in ("px", "py", "pz", "e")]
    record = Particles._make((offsets, pdg, charge, *momentum, np.hypot(*born)))
    left = (status > 0) & ~np.isin(np.abs(pdg), NEUTRINOS)
    return record.keep(left), record.keep(np.abs(status) == OUTGOING)


def hadronise(pdg: Integers, energy: Floats, settings: tuple[str, ...], seed: int) -> Particles:
    """What partons of `energy` GeV along z become: showers and hadrons of their half of a colour singlet at rest.

    The other half is the antiquark, or a second gluon. A function of its arguments alone.
    """
    pythia, _ = initialised(("ProcessLevel:all = off", *settings), np.inf)
    pythia.rndm.init(seed)
    rows: list[tuple[float, ...]] = []
    offsets = [0]
    for flavour, e in zip(pdg.tolist(), energy.tolist(), strict=True):
        while not _fragmented(pythia, flavour, e):
            pass
        record = pythia.event
        for particle in (record[i] for i in range(record.size())):
            if particle.isFinal() and particle.pz() > 0 and particle.idAbs() not in NEUTRINOS:
                born = (particle.xProd() ** 2 + particle.yProd() ** 2) ** 0.5
                momentum = (particle.px(), particle.py(), particle.pz(), particle.e())
                rows.append((particle.id(), particle.charge(), *momentum, born))
        offsets.append(len(rows))
    columns = np.array(rows, np.float64).reshape(-1, 7).T
    return Particles._make((np.array(offsets), columns[0].astype(np.int64), *columns[1:]))


def _fragmented(pythia: Any, flavour: int, energy: float) -> bool:
    """Whether Pythia was able to hadronise two partons back to back: it may fail, seldom."""
    record, hard = pythia.event, OUTGOING
    record.reset()
    if flavour == GLUON:
        colours, other = ((101, 102), (102, 101)), GLUON
    else:
        colours, other = ((101, 0), (0, 101)) if flavour > 0 else ((0, 101), (101, 0)), -flavour
    for sign, one, colour in ((1, flavour, colours[0]), (-1, other, colours[1])):
        mass = min(pythia.particleData.m0(one), energy * 0.9)
        momentum = sign * (energy**2 - mass**2) ** 0.5
        record.append(one, hard, *colour, 0.0, 0.0, momentum, energy, mass, energy)
    pythia.forceTimeShower(1, 2, energy)
    return bool(pythia.next())


@lru_cache(4)
def initialised(settings: tuple[str, ...], central: float) -> tuple[Any, Any]:
    """A generator of these settings and its hook, which it does not own. To begin takes half a second."""
    import pythia8mc

    class Central(pythia8mc.UserHooks):
        """Vetoes hard processes that send nothing into the middle of the detector."""

        def canVetoProcessLevel(self) -> bool:  # noqa: N802
            return bool(np.isfinite(central))

        def doVetoProcessLevel(self, process: Any) -> bool:  # noqa: N802
            return all(abs(process[i].eta()) > central for i in range(5, process.size()))

    pythia, hook = pythia8mc.Pythia("", False), Central()
    pythia.setUserHooksPtr(hook)
    for setting in ("Print:quiet = on", "Random:setSeed = on", "Random:seed = 1", *settings):
        if not pythia.readString(setting):
            raise ValueError(f"Pythia does not take '{setting}'")
    if not pythia.init():
        raise ValueError(f"Pythia does not start with {settings}")
    return pythia, hook
