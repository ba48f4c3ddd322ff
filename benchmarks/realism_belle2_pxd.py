"""Simulated charge in 75 um of silicon beside a full simulation, by species and momentum.

    python benchmarks/realism_belle2_pxd.py FOLDER [--times 32] [--seed 1]

FOLDER holds `e-.npz`, `mu-.npz`, ... with `momentum` GeV/c, `theta`, `phi`, `total_kev`, and the pixels of 50 x 50 um
as `kev` with `offsets`. True deposits: no diffusion, no Lorentz angle, no noise, no threshold; delta rays below 540 keV
stay where they are born, as the reference's pixels look. Nothing is tuned, so that all of the sample is quoted. A row
agrees within the larger of 5 % and two standard errors. The straggling of slow particles is held against Vavilov's
distribution, too, than which the reference's is narrower, and against the reference's model of it. Prints tables in
Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np

from pidcam.simulation.ionisation import beta_gamma, bethe_bloch
from pidcam.simulation.matter import SILICON
from pidcam.simulation.silicon_species import charged
from pidcam.simulation.straggling import bound_variance, kappa, vavilov_pdf, xi
from pidcam.simulators import belle2_pxd
from pidcam.simulators.belle2_pxd import MASS, Belle2Pxd, true_deposits
from realism_table import Row, peak_row, print_table, row, summary
from straggling_silicon import SHELLS, SQUARE
from urban_straggling import CUT, urban

Tracks = Callable[..., tuple[np.ndarray, np.ndarray]]

SPECIES = {"e-": "electron", "mu-": "muon", "pi-": "pion", "kaon-": "kaon", "proton": "proton", "deuteron": "deuteron"}
MOMENTA = ((0.1, 0.2), (0.3, 0.5), (0.5, 1.0), (1.0, 2.0))
ANGLES = ((0, 15), (15, 30), (30, 45), (45, 60))
FINEST = 1.0  # keV: smaller deposits are below any threshold
SLOW = (
    ("kaon-", (0.3, 0.5)),
    ("proton", (0.5, 1.0)),
    ("proton", (1.0, 2.0)),
    ("deuteron", (0.5, 1.0)),
    ("deuteron", (1.0, 2.0)),
)


def upright(path: Path, momenta: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all of the reference in a range of momenta: (momentum MeV/c, theta, energy times cos theta in keV)."""
    file = np.load(path)
    p, theta, total = (file[k].astype(float) for k in ("momentum", "theta", "total_kev"))
    chosen = (p > momenta[0]) & (p < momenta[1])
    return p[chosen] * 1e3, theta[chosen], (total * np.cos(theta))[chosen]


def vavilov(
    mass: float, p: np.ndarray, theta: np.ndarray, rng: np.random.Generator, shapes: tuple[int, int] = (8, 4)
) -> np.ndarray:
    """Energy times cos theta in keV of particles of `mass` and momenta `p`, MeV: Vavilov's straggling, with what shells
    add to its variance (P. Shulek et al., Sov. J. Nucl. Phys. 4 (1967) 400). Its shape, in xi, is that of the middle of
    so many parts of momenta and angles, `shapes`."""
    kinetic, cosine, drawn = np.hypot(p, mass) - mass, np.cos(theta), np.empty(len(p))
    layer = SILICON.density * SQUARE.thickness / 10 / cosine
    beta, width = beta_gamma(kinetic, mass)[0], xi(kinetic, mass, SILICON, layer)
    momenta, angles = (np.linspace(x.min(), x.max(), n + 1)[1:-1] for x, n in zip((p, theta), shapes, strict=True))
    places, x = np.digitize(p, momenta) * shapes[1] + np.digitize(theta, angles), np.linspace(-10, 40, 1000)
    for here in (places == place for place in np.unique(places)):
        strength = float(kappa(kinetic[here].mean(), mass, SILICON, layer[here].mean()))
        density = np.maximum(vavilov_pdf(x, strength, float(beta[here].mean()), 1500), 0)
        drawn[here] = np.interp(rng.random(here.sum()), np.cumsum(density) / density.sum(), x)
    mean = bethe_bloch(kinetic, mass, SILICON) * layer
    bound = np.sqrt(width * bound_variance(beta, SHELLS)) * rng.standard_normal(len(p))
    return (mean + drawn * width + bound) * cosine * 1e3


def central(values: np.ndarray) -> tuple[float, float]:
    """Half of the range of the central 68 per cent, and its error from resampling."""
    rng = np.random.default_rng(1)

    def half(x: np.ndarray) -> float:
        return float(np.subtract(*np.quantile(x, [0.84, 0.16])) / 2)

    return half(values), float(np.std([half(rng.choice(values, len(values))) for _ in range(50)]))


def against_vavilov(folder: Path, times: int) -> list[dict[str, object]]:
    """Widths of ln energy: ours, Vavilov's, the reference's, and Urban's, with errors."""
    rows: list[dict[str, object]] = []
    for name, momenta in SLOW:
        p, theta, total = upright(folder / f"{name}.npz", momenta)
        many_p, many_theta = np.tile(p, times), np.tile(theta, times)
        mine = deposited(SPECIES[name], many_p, many_theta, 0 * many_theta, np.random.default_rng(2))[0]
        straggled = vavilov(MASS[SPECIES[name]], many_p, many_theta, np.random.default_rng(3))
        fluctuating = as_urban(SPECIES[name], many_p, many_theta, 0 * many_theta, np.random.default_rng(2))[0]
        cosine = np.cos(many_theta)
        values = [central(np.log(e)) for e in (mine * cosine, straggled, total, fluctuating * cosine)]
        rows.append({"name": f"{name}, {momenta[0]} to {momenta[1]} GeV/c", "widths": values})
    return rows


def deposited(
    species: str, p: np.ndarray, theta: np.ndarray, phi: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Energies (n,) and pixels (n, cells) in keV."""
    sine = np.sin(theta)
    direction = np.stack([sine * np.cos(phi), sine * np.sin(phi), np.cos(theta)], axis=1)
    return true_deposits(Belle2Pxd(delta_rays_from=CUT * 1e3), species, p, direction, SQUARE, rng)


def as_urban(
    species: str, p: np.ndarray, theta: np.ndarray, phi: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same with the fluctuations of the reference."""
    particle = urban(charged(MASS[species]))
    with patch.object(belle2_pxd, "_particle", lambda *_: particle):
        return deposited(species, p, theta, phi, rng)


def rows_of(path: Path, species: str, times: int, seed: int = 1, simulate: Tracks = deposited) -> list[Row]:
    file, rng = np.load(path), np.random.default_rng(seed)
    p, theta, phi, total = (file[k].astype(float) for k in ("momentum", "theta", "phi", "total_kev"))
    n, pixel = len(p), file["kev"].astype(float)
    event = np.repeat(np.arange(n), np.diff(file["offsets"]))
    many_p, many_theta, many_phi = (np.tile(x, times) for x in (p, theta, phi))
    energy, pixels = simulate(species, many_p * 1e3, many_theta, many_phi, rng)
    rows = []
    for low, high in MOMENTA:
        chosen, mine = (p > low) & (p < high), (many_p > low) & (many_p < high)
        if chosen.sum() < 400:
            continue
        energies = (energy * np.cos(many_theta))[mine], (total * np.cos(theta))[chosen]
        rows.append(peak_row(f"{low} to {high} GeV/c: peak, FWHM (keV)", *energies, rng))
        rows.append(row(f"{low} to {high} GeV/c: ln energy", *(np.log(e) for e in energies)))
        kept = pixels[(pixels > FINEST) & mine[:, None]], pixel[(pixel > FINEST) & chosen[event]]
        rows.append(row(f"{low} to {high} GeV/c: pixel (keV)", *kept))
    counts = (pixels > FINEST).sum(axis=1).astype(float), np.bincount(event, pixel > FINEST, n)
    for low, high in np.radians(ANGLES):
        within = [count[(a >= low) & (a < high)] for count, a in zip(counts, (many_theta, theta), strict=True)]
        rows.append(row(f"{np.degrees(low):.0f} to {np.degrees(high):.0f} degrees: pixels", *within))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report: dict[str, list[Row]] = {}
    fluctuating: list[Row] = []
    for name, species in SPECIES.items():
        path = options.folder / f"{name}.npz"
        report[name] = rows_of(path, species, options.times, options.seed)
        fluctuating += rows_of(path, species, options.times, options.seed, as_urban)
        print(f"\n**{name}**\n")
        print_table(report[name])
    print(f"\nAll: {summary([r for rows in report.values() for r in rows])}")
    print(f"With the fluctuations of the reference: {summary(fluctuating)}")
    slow = against_vavilov(options.folder, options.times)
    columns = "pidcam | Vavilov | full simulation | Urban"
    print(f"\n| ln energy, half of the central 68 % | {columns} |")
    print("|---|---|---|---|---|")
    for r in slow:
        print(f"| {r['name']} | " + " | ".join(f"{a:.3f} ± {b:.3f}" for a, b in r["widths"]) + " |")  # type: ignore
    print(json.dumps(report | {"slow": slow}))


if __name__ == "__main__":
    main()
