"""Mean and width of distributions, simulated beside reference: one row each, and whether they agree."""

from __future__ import annotations

import numpy as np


def moments(values: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and width, each with its standard error."""
    n, mean, width = len(values), float(values.mean()), float(values.std())
    if width == 0:
        return (mean, 0.0), (0.0, 0.0)
    kurtosis = float(((values - mean) ** 4).mean()) / width**4
    return (mean, width / n**0.5), (width, width * (max(kurtosis - 1, 0.1) / (4 * n)) ** 0.5)


def row(name: str, simulated: np.ndarray, reference: np.ndarray) -> dict[str, object]:
    """Agrees where both differ by less than 5 % or two standard errors of their difference."""
    result: dict[str, object] = {"name": name, "agrees": True}
    for kind, (a, da), (b, db) in zip(("mean", "width"), moments(simulated), moments(reference), strict=True):
        within = abs(a - b) <= max(0.05 * abs(b), 2 * np.hypot(da, db))
        result |= {kind: [a, b, float(np.hypot(da, db))], f"{kind}_agrees": bool(within)}
        result["agrees"] = bool(result["agrees"]) and bool(within)
    return result


def peak(values: np.ndarray) -> tuple[float, float]:
    """Most probable value and full width at half maximum: the mean of what is above three quarters of the
    highest bin, and the outermost bins above half of it."""
    low, high = np.quantile(values, [0.005, 0.95])
    counts, edges = np.histogram(values, np.linspace(low, high, 41))
    middle = (edges[1:] + edges[:-1]) / 2
    smooth = np.convolve(np.pad(counts.astype(float), 2, mode="edge"), np.ones(5) / 5, "valid")
    near = smooth > 0.75 * smooth.max()
    top = (middle * smooth)[near].sum() / smooth[near].sum()
    above = np.flatnonzero(smooth > smooth.max() / 2)
    return float(top), float(middle[above[-1]] - middle[above[0]] + middle[1] - middle[0])


def boot(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Peak and width, each with its standard error from resampling."""
    tries = np.array([peak(rng.choice(values, len(values))) for _ in range(30)])
    return np.array(peak(values)), tries.std(axis=0)


def peak_row(name: str, simulated: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
    """The same of the most probable value and the full width at half maximum."""
    (a, da), (b, db) = boot(simulated, rng), boot(reference, rng)
    result: dict[str, object] = {"name": name, "agrees": True}
    for i, kind in enumerate(("mean", "width")):
        within = abs(a[i] - b[i]) <= max(0.05 * b[i], 2 * np.hypot(da[i], db[i]))
        result |= {kind: [a[i], b[i], float(np.hypot(da[i], db[i]))], f"{kind}_agrees": bool(within)}
        result["agrees"] = bool(result["agrees"]) and bool(within)
    return result


def print_table(rows: list[dict[str, object]]) -> None:
    """In Markdown; a value outside is bold."""
    print("| | mean | reference | width | reference |\n|---|---|---|---|---|")
    for r in rows:
        cells = []
        for kind in ("mean", "width"):
            a, b, _ = r[kind]  # type: ignore[misc]
            cells += [f"{a:.4g}" if r[f"{kind}_agrees"] else f"**{a:.4g}**", f"{b:.4g}"]
        print(f"| {r['name']} | " + " | ".join(cells) + " |")
    print(f"{sum(bool(r['agrees']) for r in rows)} of {len(rows)} rows agree")
