"""Electrons that a pion sets free in the plates of the CLIC calorimeters, followed one by one, beside the simulator's.

    python benchmarks/knock_on_clic_lcd.py [--events 1000]

Pions of 10 to 100 GeV go straight through and meet no nucleus. Knock-on electrons above 0.3 MeV, and the photons that
they radiate, are followed through the plates as in `simulation/electron_transport.py`; smaller ones stay where they
are. Nothing here is tuned. `Section.knock_on` of both calorimeters was chosen on this table. Prints it in Markdown.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import AVOGADRO, ELECTRON_MASS
from pidcam.simulation.delta_rays import draw_knock_on, draw_moller, emission_cosine, knock_on_above
from pidcam.simulation.directions import turned
from pidcam.simulation.electron_tables import (
    FREE,
    HARD,
    HARD_FROM,
    KNOCK_ON,
    RADIATION,
    SCREENING,
    SOFT,
    STOPPING,
    VARIANCE,
    electron_table,
)
from pidcam.simulation.electron_transport import (
    ELECTRON,
    PHOTON,
    draw_bremsstrahlung,
    draw_hard_deflection,
    new_heap,
    push,
    radiated_cosine,
)
from pidcam.simulation.ionisation import beta_gamma, largest_transfer, restricted_bethe_bloch
from pidcam.simulation.matter import SILICON, Material, Sternheimer
from pidcam.simulation.pair_production import pair_cross_section
from pidcam.simulation.photons import compton, draw_compton
from pidcam.simulation.sampled_showers import tracks
from pidcam.simulation.sampling_stack import Section, stack
from pidcam.simulators.clic_lcd import sections

PION, CUT, FINE, LOWEST_PHOTON, HIGHEST, LONGEST = 139.57, 0.3, 0.01, 0.02, 2000.0, 0.3
"""MeV: mass; electrons that are followed; of the sensitive layer, collisions that are drawn; photons that are followed;
the largest transfer. mm: the longest step."""
TUNGSTEN = Material("tungsten", 74, 183.84, 19.3, 6.76, 727, Sternheimer(5.4059, 0.2167, 3.496, 0.15509, 2.8447, 0.14))
IRON = Material("iron", 26, 55.845, 7.874, 13.84, 286, Sternheimer(4.2911, -0.0012, 3.1531, 0.1468, 2.9632, 0.12))
POLYSTYRENE = Material(
    "polystyrene", 5.61, 10.434, 1.06, 43.79, 68.7, Sternheimer(3.2999, 0.1647, 2.5031, 0.16454, 3.2224)
)
"""R. M. Sternheimer, M. J. Berger, S. M. Seltzer, At. Data Nucl. Data Tables 30 (1984) 261."""
PHOTOELECTRIC = {
    "tungsten": ((0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 10), (50, 5.5, 4.0, 0.6, 0.058, 0.012, 0.003, 0.0003)),
    "iron": ((0.02, 0.05, 0.1, 0.2, 0.5, 1, 10), (24, 1.7, 0.21, 0.026, 0.002, 0.0004, 1e-5)),
    "silicon": ((0.02, 0.05, 0.1, 0.2, 1), (4, 0.25, 0.03, 0.0035, 2e-5)),
    "polystyrene": ((0.02, 0.05, 0.1, 1), (0.2, 0.012, 0.0012, 1e-6)),
}
"""MeV and cm2/g, about those of NIST XCOM: good enough where Compton scattering and pairs prevail."""
POINTS = 400


def photon_rates(material: Material) -> np.ndarray:
    """(POINTS, 3) photoelectric absorptions, Compton scatterings and pairs per mm, from LOWEST_PHOTON to HIGHEST."""
    energy = np.geomspace(LOWEST_PHOTON, HIGHEST, POINTS)
    absorbed = np.exp(np.interp(np.log(energy), *np.log(PHOTOELECTRIC[material.name])))
    pairs = pair_cross_section(np.maximum(energy, 1.03), material.z) * AVOGADRO / material.a * (energy > 1.03)
    most = 7 / 9 / material.radiation_length  # complete screening, which the cross-section does not know
    values = np.stack([absorbed, compton(energy, material.z_over_a), np.minimum(pairs, most)], axis=1)
    return values * material.density / 10


@compiled
def score(image, cell, x, y, k, energy):  # type: ignore[no-untyped-def]
    """Energy in plate `k`, of which the odd ones are seen."""
    cells = len(image)
    i, j = math.floor(x / cell + cells / 2), math.floor(y / cell + cells / 2)
    if k % 2 == 1 and 0 <= i < cells and 0 <= j < cells:
        image[int(i), int(j), k // 2] += energy


@compiled
def to_edge(edges, k, z, w):  # type: ignore[no-untyped-def]
    """mm to the end of plate `k` along the way, and the plate and place beyond it."""
    ahead = w > 0
    beyond = k + 1 if ahead else k - 1
    edge = edges[k + 1] if ahead else edges[k]
    return (edge - z) / w, beyond, edge + (1e-9 if ahead else -1e-9)


@compiled
def electron(rng, tables, edges, cell, heap, image, t, x, y, z, direction):  # type: ignore[no-untyped-def]
    """Follow an electron until it stops or leaves; see `electron_transport.follow_electron`."""
    u, v, w = direction
    k = np.searchsorted(edges, z, "right") - 1
    while 0 <= k < len(edges) - 1:
        table = tables[k % 2]
        if t <= table.lowest:
            score(image, cell, x, y, k, t)
            return
        w = w if abs(w) > 1e-6 else 1e-6
        place = (math.log(t) - table.start) / table.step
        row = min(int(place), len(table.values) - 2)
        now = table.values[row] + (place - row) * (table.values[row + 1] - table.values[row])
        rate = now[KNOCK_ON] + now[HARD] + now[RADIATION]
        free, most = rng.exponential() / rate, min(table.largest_loss * t / now[STOPPING], LONGEST)
        length, far = min(free, most), rng.random()
        loss, variance = now[STOPPING] * length, now[VARIANCE] * length
        loss = min(rng.standard_gamma(loss * loss / variance) * variance / loss, t)
        crossed = False
        for part in range(2):
            span = length * (far if part == 0 else 1 - far)
            left, beyond, place_beyond = to_edge(edges, k, z, w)
            crossed = left < span
            span = min(span, left)
            score(image, cell, x + u * span / 2, y + v * span / 2, k, loss * span / length)
            x, y, z = x + u * span, y + v * span, z + w * span
            t -= loss * span / length
            if crossed:
                k, z = beyond, place_beyond
                break
            if part == 0:
                soft = max(1 - now[SOFT] * length * rng.exponential(), -1.0)
                u, v, w = turned(u, v, w, soft, 2 * math.pi * rng.random())
                w = w if abs(w) > 1e-6 else 1e-6
        if crossed or free > most or t <= table.lowest:
            continue
        which, phi = rng.random() * rate, 2 * math.pi * rng.random()
        if which < now[HARD]:
            bend = draw_hard_deflection(rng, table, row, now[HARD_FROM], now[SCREENING])
            if bend > 0:
                u, v, w = turned(u, v, w, max(1 - bend, -1.0), phi)
        elif which < now[HARD] + now[KNOCK_ON]:
            if t > 2 * CUT:
                energy = draw_moller(rng, t, CUT)
                push(heap, ELECTRON, energy, x, y, z, turned(u, v, w, emission_cosine(t, ELECTRON_MASS, energy), phi))
                u, v, w = turned(u, v, w, emission_cosine(t, ELECTRON_MASS, t - energy), phi + math.pi)
                t -= energy
        else:
            energy = min(draw_bremsstrahlung(rng, table, row, place - row), t)
            push(heap, PHOTON, energy, x, y, z, turned(u, v, w, radiated_cosine(rng, t), phi))
            t -= energy


@compiled
def photon(rng, rates, edges, cell, heap, image, t, x, y, z, direction):  # type: ignore[no-untyped-def]
    """Follow a photon until it is absorbed or leaves; electrons that it sets free wait in the heap."""
    u, v, w = direction
    k = np.searchsorted(edges, z, "right") - 1
    while 0 <= k < len(edges) - 1 and t > LOWEST_PHOTON:
        w = w if abs(w) > 1e-6 else 1e-6
        rate = rates[k % 2][int(math.log(t / LOWEST_PHOTON) / math.log(HIGHEST / LOWEST_PHOTON) * (POINTS - 1))]
        free = rng.exponential() / rate.sum()
        left, beyond, place_beyond = to_edge(edges, k, z, w)
        way = min(free, left)
        x, y, z = x + u * way, y + v * way, z + w * way
        if free > left:
            k, z = beyond, place_beyond
            continue
        which, phi = rng.random() * rate.sum(), 2 * math.pi * rng.random()
        if which < rate[0]:
            push(heap, ELECTRON, t, x, y, z, (u, v, w))
            return
        if which < rate[0] + rate[1]:
            scattered, cosine = draw_compton(rng, t)
            energy = t - scattered
            momentum = math.sqrt(energy * (energy + 2 * ELECTRON_MASS))
            recoil = min(max((t - scattered * cosine) / max(momentum, 1e-9), -1.0), 1.0)
            push(heap, ELECTRON, energy, x, y, z, turned(u, v, w, recoil, phi + math.pi))
            u, v, w = turned(u, v, w, cosine, phi)
            t = scattered
        else:
            energy = (t - 2 * ELECTRON_MASS) * rng.random()
            for one in (energy, t - 2 * ELECTRON_MASS - energy):
                push(heap, ELECTRON, one, x, y, z, turned(u, v, w, radiated_cosine(rng, one), phi))
                phi += math.pi
            return


@compiled
def pion(rng, t, beta, largest, rate, mean, tables, rates, edges, cell, x, y, heap, image):  # type: ignore[no-untyped-def]
    """One pion straight through: `rate` knock-on electrons per mm above CUT or, where they are seen, above FINE, below
    which it loses `mean` MeV/mm."""
    for k in range(len(edges) - 1):
        thick, cut = edges[k + 1] - edges[k], FINE if k % 2 else CUT
        score(image, cell, x, y, k, mean * thick * max(1 + 0.12 * rng.standard_normal(), 0.0))
        for _ in range(rng.poisson(rate[k % 2] * thick)):
            energy = draw_knock_on(rng, beta, largest, cut)
            direction = turned(0.0, 0.0, 1.0, emission_cosine(t, PION, energy), 2 * math.pi * rng.random())
            heap.used[:] = 0
            push(heap, ELECTRON, energy, x, y, edges[k] + thick * rng.random(), direction)
            while heap.used[0]:
                heap.used[0] -= 1
                row = heap.rows[heap.used[0]]
                kind, waiting, at = row[0], row[1], (row[2], row[3], row[4])
                way = (row[5], row[6], row[7])
                if kind == PHOTON:
                    photon(rng, rates, edges, cell, heap, image, waiting, *at, way)
                elif waiting > CUT:
                    electron(rng, tables, edges, cell, heap, image, waiting, *at, way)
                else:
                    score(image, cell, at[0], at[1], np.searchsorted(edges, at[2], "right") - 1, waiting)


def followed(section: Section, absorber: Material, sensitive: Material, n: int) -> np.ndarray:
    """(n, cells, cells, layers) MeV that pions leave by ionisation."""
    rng, heap = np.random.default_rng(1), new_heap(20_000, 1)
    edges = np.concatenate([[0.0], np.cumsum([d for a in section.thicknesses for d in (a, section.gap)])])
    both = (absorber, sensitive)
    choice = {"lowest": 0.1, "knock_on_cut": CUT, "photon_cut": 0.1, "tuning": FREE}
    tables = tuple(electron_table(m, HIGHEST, **choice) for m in both)  # type: ignore[arg-type]
    rates = tuple(photon_rates(m) for m in both)
    images = np.zeros((n, section.cells, section.cells, len(section.thicknesses)))
    for image in images:
        t, (x, y) = rng.uniform(10e3, 100e3), rng.uniform(-0.5, 0.5, 2) * section.cell
        beta, gamma = beta_gamma(t, PION)
        largest = min(float(largest_transfer(beta, gamma, PION)), HIGHEST * 0.95)
        cuts = (CUT, FINE)
        rate = [
            float(knock_on_above(t, PION, c)) * m.z_over_a * m.density / 10 for m, c in zip(both, cuts, strict=True)
        ]
        mean = float(restricted_bethe_bloch(t, PION, sensitive, FINE)) * sensitive.density / 10
        pion(rng, t, float(beta), largest, np.array(rate), mean, tables, rates, edges, section.cell, x, y, heap, image)
    return images


def simulated(section: Section, n: int) -> np.ndarray:
    """The same of the simulator's tracks."""
    rng, zero = np.random.default_rng(2), np.zeros(n)
    images = np.zeros((n, section.cells, section.cells, len(section.thicknesses)), np.float32)
    x, y = rng.uniform(-0.5, 0.5, (2, n)) * section.cell
    tracks((images,), np.arange(n), x, y, zero, zero, zero, np.full(n, np.inf), stack([section]), rng)
    return images.astype(float) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    n = parser.parse_args().events
    ecal, hcal = sections()
    hcal = replace(hcal, thicknesses=hcal.thicknesses[:20])
    print("| | followed | simulator |\n|---|---|---|")
    for name, section, plates, steps in (
        ("ECAL", ecal, (TUNGSTEN, SILICON), (0.3, 0.6, 1.2)),
        ("HCAL", hcal, (IRON, POLYSTYRENE), (0.8, 1.5, 3.0)),
    ):
        pair = []
        for image in (followed(section, *plates, n), simulated(section, 10 * n)):
            middle = section.cells // 2
            layer, central = image.sum((1, 2)), image[:, middle, middle]
            quantities = {"mean of a layer, MeV": layer.mean(), "median": np.median(layer)}
            for step in steps:
                quantities[f"central cell above {step} MeV"] = (central > step).mean()
            for step in steps:
                quantities[f"beside it above {step} MeV"] = (layer - central > step).mean()
            if section is ecal:
                quantities["no layer above 1.2 MeV"] = (layer.max(1) < 1.2).mean()
                quantities["no central cell above 1.2 MeV"] = (central.max(1) < 1.2).mean()
            pair.append(quantities)
        for quantity in pair[0]:
            print(f"| {name}: {quantity} | {pair[0][quantity]:.3g} | {pair[1][quantity]:.3g} |")


if __name__ == "__main__":
    main()
