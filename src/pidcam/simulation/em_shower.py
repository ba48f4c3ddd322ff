"""Electromagnetic showers by G. Grindhammer and S. Peters (hep-ex/0001020): profiles with fluctuations, and spots.

Energies in GeV; depths t in radiation lengths, from where the shower starts; radii in Moliere radii. tau = t / T. The
parametrisation holds above about a GeV: below, ln y stays at `LOW`, so that all of it remains finite.
"""

from __future__ import annotations

import math

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.materials import Medium, Sampling

LOW = 1.2
"""Smallest ln y = ln(E / E_c)."""

WIDEST = 0.7
"""Largest standard deviation of ln T and ln alpha."""

ARCTANGENT = (
    0.0028662257, -0.0161657367, 0.0429096138, -0.0752896400, 0.1065626393, -0.1420889944, 0.1999355085, -0.3333314528,
    1.0,
)  # fmt: skip
"""Coefficients of arctan(x) / x in x^2, from the highest."""


@compiled
def log_energy(energy: float, medium: Medium) -> float:
    """ln y = ln(E / E_c)."""
    return max(math.log(energy / medium.critical), LOW)


@compiled
def mean_profile(energy: float, medium: Medium) -> tuple[float, float]:
    """(T, alpha) of the mean longitudinal profile (equations 11, 12)."""
    y = log_energy(energy, medium)
    return y - 0.858, 0.21 + (0.492 + 2.38 / medium.z) * y


@compiled
def log_profile(energy: float, medium: Medium) -> tuple[float, float, float, float, float]:
    """(<ln T>, sigma, <ln alpha>, sigma, correlation) of single showers (equations 13 to 17)."""
    y = log_energy(energy, medium)
    return (
        math.log(y - 0.812),
        _sigma(-1.4 + 1.26 * y),
        math.log(0.81 + (0.458 + 2.26 / medium.z) * y),
        _sigma(-0.58 + 0.86 * y),
        0.705 - 0.023 * y,
    )


@compiled
def log_profile_sampling(energy: float, medium: Medium, s: Sampling) -> tuple[float, float, float, float, float]:
    """The same in a sampling calorimeter of effective `medium` (section 4.1)."""
    y = log_energy(energy, medium)
    t, _, alpha, _, _ = log_profile(energy, medium)
    return (
        math.log(max(math.exp(t) - 0.55 / s.frequency - 0.69 * (1 - s.e_hat), 0.1)),
        _sigma(-2.5 + 1.25 * y),
        math.log(max(math.exp(alpha) - 0.476 / s.frequency, 1.05)),
        _sigma(-0.82 + 0.79 * y),
        0.784 - 0.023 * y,
    )


@compiled
def _sigma(inverse: float) -> float:
    return min(1 / inverse, WIDEST) if inverse > 0 else WIDEST


@compiled
def draw_profile(logs: tuple[float, float, float, float, float], rng: np.random.Generator) -> tuple[float, float]:
    """(T, alpha) of one shower, correlated (equation 18)."""
    t, sigma_t, alpha, sigma_alpha, rho = logs
    plus, minus = math.sqrt((1 + rho) / 2), math.sqrt((1 - rho) / 2)
    z1, z2 = rng.standard_normal(), rng.standard_normal()
    drawn_t = math.exp(t + sigma_t * (plus * z1 + minus * z2))
    drawn_alpha = math.exp(alpha + sigma_alpha * (plus * z1 - minus * z2))
    return max(drawn_t, 0.1), max(drawn_alpha, 1.05)


@compiled
def deposited(t: float, peak: float, alpha: float) -> float:
    """Fraction of the energy deposited before depth t: the incomplete gamma function P(alpha, beta t), by its series
    or continued fraction (Abramowitz and Stegun 6.5.29, 6.5.31)."""
    x = (alpha - 1) / peak * t
    if x <= 0:
        return 0.0
    front = math.exp(alpha * math.log(x) - x - math.lgamma(alpha))
    if x < alpha + 1:
        term = total = 1 / alpha
        n = alpha
        while term > 1e-9 * total:
            n += 1
            term *= x / n
            total += term
        return total * front
    b = x + 1 - alpha
    c, d = 1e30, 1 / b
    h = d
    for i in range(1, 200):
        a = -i * (i - alpha)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        step = c * d
        h *= step
        if abs(step - 1) < 1e-9:
            break
    return 1 - front * h


@compiled
def shower_age(t: float, peak: float, alpha: float, mean_log_alpha: float) -> float:
    """tau of one shower, corrected for its own profile so that the mean over showers is right (equation 29)."""
    mean = math.exp(mean_log_alpha)
    return t / peak * (alpha - 1) / alpha * mean / (mean - 1)


@compiled
def radial(energy: float, tau: float, medium: Medium) -> tuple[float, float, float]:
    """(R_C, R_T, p) of f(r) = p 2 r R_C^2 / (r^2 + R_C^2)^2 + (1 - p) 2 r R_T^2 / (r^2 + R_T^2)^2 (eq. 23 to 27)."""
    e, z = math.log(max(energy, 0.03)), medium.z
    core = 0.0251 + 0.00319 * e + (0.1162 - 0.000381 * z) * tau
    k2 = tau - 0.645
    tail = (0.659 - 0.00309 * z) * (math.exp(-2.59 * k2) + math.exp((0.3585 + 0.0421 * e) * k2))
    u = (0.401 + 0.00187 * z - tau) / (1.313 - 0.0686 * e)
    p = (2.632 - 0.00094 * z) * math.exp(u - math.exp(u))
    return core, tail, min(max(p, 0.0), 1.0)


@compiled
def radial_sampling(energy: float, tau: float, medium: Medium, s: Sampling) -> tuple[float, float, float]:
    """The same in a sampling calorimeter of effective `medium` (section 4.2)."""
    core, tail, p = radial(energy, tau, medium)
    short = 1 - s.e_hat
    core += -0.0203 * short + 0.0397 / s.frequency * math.exp(-tau)
    tail += -0.14 * short - 0.495 / s.frequency * math.exp(-tau)
    p += short * (0.348 - 0.642 / s.frequency * math.exp(-((tau - 1) ** 2)))
    return max(core, 0.005), max(tail, 0.05), min(max(p, 0.0), 1.0)


@compiled
def spots(energy: float, medium: Medium) -> float:
    """Mean number of spots of equal energy that fluctuate as a shower does (equation 32)."""
    return 93 * math.log(medium.z) * energy**0.876


@compiled
def spots_sampling(energy: float, s: Sampling) -> float:
    """The same in a sampling calorimeter."""
    return 10.3 / s.resolution * energy**0.959


@compiled
def spot_profile(peak: float, alpha: float, medium: Medium) -> tuple[float, float]:
    """(T, alpha) of the longitudinal profile of the spots (equations 33, 34)."""
    return peak * (0.698 + 0.00212 * medium.z), alpha * (0.639 + 0.00334 * medium.z)


@compiled
def spot_profile_sampling(peak: float, alpha: float, medium: Medium) -> tuple[float, float]:
    """The same in a sampling calorimeter."""
    return peak * (0.813 + 0.0019 * medium.z), alpha * (0.844 + 0.0026 * medium.z)


@compiled
def smear_sampling(energy: float, s: Sampling, rng: np.random.Generator) -> float:
    """The energy of a slice as a sampling calorimeter sees it: Gamma with variance c^2 E."""
    c = s.resolution * s.resolution
    return rng.gamma(energy / c) * c


@compiled
def draw_radius(core: float, tail: float, p: float, rng: np.random.Generator) -> float:
    """Radius of one spot, in Moliere radii (equation 28)."""
    u = rng.random()
    return (core if rng.random() < p else tail) * math.sqrt(u / (1 - u))


@compiled
def inside_corner(x: float, y: float, radius: float) -> float:
    """Integral of R^2 / (pi (r^2 + R^2)^2) over [0, x] x [0, y]: differences of four give a rectangle."""
    a, b = np.reciprocal(math.sqrt(x * x + radius * radius)), np.reciprocal(math.sqrt(y * y + radius * radius))
    return (x * a * arctangent(y * a) + y * b * arctangent(x * b)) / (2 * math.pi)


@compiled
def arctangent(x: float) -> float:
    """To 2e-8, by a polynomial (Abramowitz and Stegun 4.4.49) that a loop evaluates for several numbers at once."""
    size = abs(x)
    t = min(size, np.reciprocal(size))
    s = t * t
    angle = 0.0
    for c in ARCTANGENT:
        angle = angle * s + c
    angle *= t
    return math.copysign(angle if size <= 1 else math.pi / 2 - angle, x)
