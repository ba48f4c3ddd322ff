"""Constants of nature, Particle Data Group 2024, in the units of this package: MeV, cm, g."""

ELECTRON_MASS = 0.51099895
"""MeV"""

K = 0.307075
"""4 pi N_A r_e^2 m_e c^2 in MeV cm^2/mol: the constant of every energy loss by collisions."""

CLASSICAL_RADIUS = 2.8179403e-13
"""r_e in cm."""

FINE_STRUCTURE = 1 / 137.035999

AVOGADRO = 6.02214076e23
"""1/mol"""

BOHR_RADIUS = 5.29177211e-9
"""cm"""

HBAR_C = 1.97326980e-11
"""MeV cm"""

CURVATURE = 0.299792458
"""1 / R = 0.2998 B / p of a particle of one charge, across the field: R in m, B in T, p in GeV."""
