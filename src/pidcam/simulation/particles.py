"""Masses, and the particles that a transport in matter knows: numbered kinds, their masses, charges and lives.

Particles as in S. Navas et al. (Particle Data Group), Phys. Rev. D 110 (2024) 030001; nuclei as in CODATA 2022.
"""

from __future__ import annotations

import numpy as np

from pidcam.simulation.constants import ELECTRON_MASS

MUON_MASS, PION_MASS, NEUTRAL_PION_MASS, KAON_MASS = 105.6583755, 139.57039, 134.9768, 493.677
NEUTRAL_KAON_MASS, RHO_MASS, TETRAQUARK_MASS = 497.611, 775.26, 3887.1
PROTON_MASS, NEUTRON_MASS, LAMBDA_MASS, DELTA_MASS, TAU_MASS = 938.27209, 939.56542, 1115.683, 1232.0, 1776.93
DEUTERON_MASS, ALPHA_MASS = 1875.61294, 3727.37941
"""MeV; the tetraquark is the charged Z_c(3900), which the tables call T_cc1(3900)."""

(
    ELECTRON, PHOTON, POSITRON, MUON, ANTIMUON, PION_MINUS, PION_PLUS, KAON_MINUS, KAON_PLUS, PROTON, ANTIPROTON,
    NEUTRON, NEUTRAL_PION,
) = range(13)  # fmt: skip
"""The first three as in `electron_transport`."""

PDG = {
    11: ELECTRON, 22: PHOTON, -11: POSITRON, 13: MUON, -13: ANTIMUON, -211: PION_MINUS, 211: PION_PLUS,
    -321: KAON_MINUS, 321: KAON_PLUS, 2212: PROTON, -2212: ANTIPROTON, 2112: NEUTRON, 111: NEUTRAL_PION,
}  # fmt: skip

MASS = np.array(
    [
        ELECTRON_MASS, 0.0, ELECTRON_MASS, MUON_MASS, MUON_MASS, PION_MASS, PION_MASS, KAON_MASS, KAON_MASS,
        PROTON_MASS, PROTON_MASS, NEUTRON_MASS, NEUTRAL_PION_MASS,
    ]
)  # fmt: skip

CHARGE = np.array([-1, 0, 1, -1, 1, -1, 1, -1, 1, 1, -1, 0, 0])

LIFE = np.array([0.0, 0, 0, 658638, 658638, 7804.5, 7804.5, 3711, 3711, 0, 0, 0, 0])
"""c tau in mm; 0 for what lives long enough, and for neutral pions, which decay where they are born."""
