"""Mean and width of distributions, simulated beside reference: one row each, whether they agree, and whether they do
with the other half of the reference.

A value agrees within the larger of 5 % and two standard errors of the difference. Errors are those of both samples, of
widths by the fourth moment, of peaks from resampling: tails are long. `by_chance` says how many values of a table are
outside if simulation and reference are alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import peak_widths
from scipy.special import erfc

SHARE, ERRORS = 0.05, 2.0
KINDS = ("mean", "width")
Row = dict[str, object]


def moments(values: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and width, each with its standard error."""
    n, mean, width = len(values), float(values.mean()), float(values.std())
    if width == 0:
        return (mean, 0.0), (0.0, 0.0)
    kurtosis = float(((values - mean) ** 4).mean()) / width**4
    return (mean, width / n**0.5), (width, width * (max(kurtosis - 1, 0.1) / (4 * n)) ** 0.5)


def within(value: tuple[float, float], reference: tuple[float, float]) -> bool:
    """Whether a value agrees with its reference, each with its standard error."""
    (a, da), (b, db) = value, reference
    return bool(abs(a - b) <= max(SHARE * abs(b), ERRORS * np.hypot(da, db)))


def compared(name: str, simulated: object, reference: object) -> Row:
    """A row of values with their errors, ((mean, error), (width, error)) or the first alone."""
    result: Row = {"name": name, "agrees": True}
    for kind, mine, theirs in zip(KINDS, simulated, reference, strict=False):  # type: ignore[call-overload]
        agrees, error = within(mine, theirs), float(np.hypot(mine[1], theirs[1]))
        result |= {kind: [float(mine[0]), float(theirs[0]), error], f"{kind}_agrees": agrees}
        result["agrees"] = bool(result["agrees"]) and agrees
    return result


def row(name: str, simulated: np.ndarray, reference: np.ndarray) -> Row:
    """Mean and standard deviation; of a fraction, which is what boolean values make, the mean says all."""
    values = 1 if simulated.dtype == bool else 2
    return compared(name, moments(simulated)[:values], moments(reference)[:values])


def peak(values: np.ndarray) -> tuple[float, float]:
    """Most probable value and full width at half maximum of a density that is smoothed by 3 % of the range: the mean of
    what is above three quarters of its highest value, and the way between where it falls below half of that."""
    low, high = np.quantile(values, [0.005, 0.95])
    counts, edges = np.histogram(values, np.linspace(low, high, 401))
    middle, smooth = (edges[1:] + edges[:-1]) / 2, gaussian_filter1d(counts.astype(float), 12, mode="nearest")
    highest = int(smooth.argmax())
    near = smooth > 0.75 * smooth.max()
    whole = smooth[[highest]], np.array([0]), np.array([len(smooth) - 1])
    bins = peak_widths(smooth, [highest], rel_height=0.5, prominence_data=whole)[0][0]
    return float((middle * smooth)[near].sum() / smooth[near].sum()), float(bins * (middle[1] - middle[0]))


def of_peak(values: np.ndarray, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Peak and width, each with its standard error from resampling."""
    tries = np.array([peak(rng.choice(values, len(values))) for _ in range(100)])
    return list(zip(peak(values), tries.std(axis=0), strict=True))


def peak_row(name: str, simulated: np.ndarray, reference: np.ndarray, rng: np.random.Generator) -> Row:
    """The most probable value and the full width at half maximum."""
    return compared(name, of_peak(simulated, rng), of_peak(reference, rng))


def by_chance(rows: list[Row]) -> float:
    """How many values are outside, in the mean, where simulation and reference are alike."""
    total = 0.0
    for kind in KINDS:
        for _, value, error in (r[kind] for r in rows if kind in r):  # type: ignore[misc]
            total += float(erfc(max(SHARE * abs(value) / error, ERRORS) / 2**0.5)) if error > 0 else 0.0
    return total


def in_both(rows_of: Callable[[int], list[Row]], half: int) -> list[Row]:
    """Rows of `rows_of(half)`; of those outside, `other half` tells whether each value is inside in the other half."""
    rows, others = rows_of(half), rows_of(1 - half)
    for r, other in zip(rows, others, strict=True):
        r |= {f"{kind}_other_half": [*other[kind], other[f"{kind}_agrees"]] for kind in KINDS if kind in r}  # type: ignore[misc]
    return rows


def _in_other_half(r: Row) -> str:
    """Of a row that is outside: both values of the other half, and how many standard errors they are apart."""
    words = []
    for kind in (k for k in KINDS if not r.get(f"{k}_agrees", True) and f"{k}_other_half" in r):
        a, b, error, agrees = r[f"{kind}_other_half"]  # type: ignore[misc]
        words.append(f"{kind} {'inside' if agrees else 'outside'}: {a:.4g}, {b:.4g} ({(a - b) / error:+.1f} s.e.)")
    return "; ".join(words)


def print_table(rows: list[Row]) -> None:
    """In Markdown; a value outside is bold, and by how many standard errors."""
    halves = any(f"{kind}_other_half" in r for r in rows for kind in KINDS)
    print("| | mean | reference | width | reference |" + " other half |" * halves + "\n" + "|---" * (5 + halves) + "|")
    for r in rows:
        cells = []
        for kind in KINDS:
            if kind not in r:
                cells += ["", ""]
                continue
            a, b, error = r[kind]  # type: ignore[misc]
            cells += [f"{a:.4g}" if r[f"{kind}_agrees"] else f"**{a:.4g}** ({(a - b) / error:+.1f})", f"{b:.4g}"]
        print(f"| {r['name']} | " + " | ".join([*cells, *[_in_other_half(r)] * halves]) + " |")
    print(f"\n{summary(rows)}")


def summary(rows: list[Row]) -> str:
    """How many values agree, and how many would not by chance."""
    values = [bool(r[f"{kind}_agrees"]) for r in rows for kind in KINDS if kind in r]
    return f"{sum(values)} of {len(values)} values agree; by chance {by_chance(rows):.1f} would not"
