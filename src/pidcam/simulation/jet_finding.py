"""Jets of many events at once: FastJet's anti-kT, and the partons that they come from.

M. Cacciari, G. P. Salam, G. Soyez, "FastJet user manual", Eur. Phys. J. C 72 (2012) 1896; "The anti-kT jet clustering
algorithm", JHEP 04 (2008) 063.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Jets(NamedTuple):
    """Jets of events, of falling pT within each: number of the event, its rank there from 0, GeV."""

    event: Integers
    rank: Integers
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats

    def take(self, chosen: NDArray[np.bool_] | Integers) -> Jets:
        """The jets at `chosen`: indices or a mask."""
        return Jets._make(column[chosen] for column in self)


def find_jets(
    offsets: Integers, px: Floats, py: Floats, pz: Floats, energy: Floats, radius: float, lowest: float
) -> Jets:
    """Anti-kT jets above `lowest` GeV of what events hold; event i owns `[offsets[i]:offsets[i+1]]`."""
    import awkward
    import fastjet

    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)  # it would print to stdout
    momenta = {"px": px, "py": py, "pz": pz, "E": energy}
    layout = awkward.contents.ListOffsetArray(
        awkward.index.Index64(np.asarray(offsets, np.int64)),
        awkward.contents.RecordArray([awkward.contents.NumpyArray(v) for v in momenta.values()], list(momenta)),
        parameters=None,
    )
    given = awkward.with_name(awkward.Array(layout), "Momentum4D")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    found = fastjet.ClusterSequence(given, definition).inclusive_jets(min_pt=lowest)
    event = np.repeat(np.arange(len(found)), awkward.num(found).to_numpy())
    x, y, z, e = (awkward.flatten(found[name]).to_numpy() for name in momenta)
    pt = np.hypot(x, y)
    order = np.lexsort((-pt, event))
    event, x, y, z, e, pt = event[order], x[order], y[order], z[order], e[order], pt[order]
    rank = np.arange(len(event)) - np.searchsorted(event, event)
    mass = np.sqrt(np.maximum(e**2 - pt**2 - z**2, 0))
    return Jets(event, rank, pt, np.arcsinh(z / np.maximum(pt, 1e-9)), np.arctan2(y, x), mass)


def match(jets: Jets, offsets: Integers, eta: Floats, phi: Floats, distance: float) -> Integers:
    """(jets,) row of the parton nearest to each jet in its event, or -1 where none is within `distance`.

    eta, phi: of partons, event i owns `[offsets[i]:offsets[i+1]]`.
    """
    nearest = np.full(len(jets.event), -1)
    best = np.full(len(jets.event), distance, np.float64)
    counts = np.diff(offsets)[jets.event]
    for number in range(counts.max(initial=0)):
        row = np.minimum(offsets[jets.event] + number, max(len(eta) - 1, 0))
        away = np.hypot(jets.eta - eta[row], wrapped(jets.phi - phi[row]))
        closer = (number < counts) & (away < best)
        nearest[closer], best[closer] = row[closer], away[closer]
    return nearest


def wrapped(angle: Floats) -> Floats:
    """The angle in [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)
