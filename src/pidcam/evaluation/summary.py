"""metrics.json as tables: what a terminal shows and a paper prints."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from pidcam.evaluation.tables import Table
from pidcam.tasks.base import split_metrics

_NAMES = {"auc": "AUC"}


def metrics_tables(metrics: Mapping[str, Any]) -> list[Table]:
    """Every table that metrics.json gives: results, working points, species, bins, shifts, importance."""
    tables = [results(metrics)]
    sections = {"working_points": (working_points,), "cuts": (cuts, purity), "areas": (areas,), "species": (species,)}
    sections["robustness"] = (robustness,)
    tables += [make(metrics[name]) for name, makers in sections.items() if name in metrics for make in makers]
    tables += [in_bins(name, section) for name, section in metrics.get("by", {}).items()]
    if "importance" in metrics:
        tables.append(permutation(metrics["importance"]))
    return [table for table in tables if table.rows]


def results(metrics: Mapping[str, Any]) -> Table:
    """A row per split: events, loss, and every number that has an error; the same of the optimum, where it is known."""
    splits = split_metrics(metrics)
    splits |= {f"{split}, optimum": of for split, of in metrics.get("optimum", {}).get("splits", {}).items()}
    names = list(dict.fromkeys(k for of in splits.values() for k in of if f"{k}_error" in of))
    columns = ("split", "events", "loss", *(_NAMES.get(n, n.replace("_", " ")) for n in names))
    rows = tuple(
        (split, of["n"], of["loss"], *(_pair(of.get(n), of.get(f"{n}_error")) for n in names))
        for split, of in splits.items()
    )
    return Table("results", "Results per split", columns, rows)


def working_points(section: Mapping[str, Any]) -> Table:
    """A row per signal and working point, quoted on the test split."""
    rows = []
    for signal, of in section["signals"].items():
        for point in of["points"]:
            rates = [_pair(point[key]["value"], point[key]["error"]) for key in ("efficiency", "fake_rate")]
            rejection = _pair(point["rejection"], point["rejection_error"])
            rows.append((signal, asked_for(point), point["threshold"], *rates, rejection, point["background_passed"]))
    columns = ("signal", "asked for", "threshold", "efficiency", "fake rate", "rejection", "background passed")
    return Table("working_points", "Working points: chosen on validation, quoted on test", columns, tuple(rows))


def cuts(section: Mapping[str, Any]) -> Table:
    """A row per signal: the cut of best Q, and partial areas."""
    rows = []
    for signal, of in section["signals"].items():
        best = of.get("best")
        cells: list[Any] = [None] * 4
        if best:
            rates = [_pair(best[key]["value"], best[key]["error"]) for key in ("efficiency", "fake_rate")]
            cells = [best["threshold"], _pair(best["quality_factor"], best["quality_factor_error"]), *rates]
        areas = [_pair(of[key]["mean"], of[key]["error"]) for key in ("partial_auc", "rejection_area")]
        rows.append((signal, *cells, *areas))
    some = next(iter(section["signals"].values()))
    fake, efficiency = (
        f"{100 * some[key]['start']:g} to {100 * some[key]['stop']:g} %" for key in ("partial_auc", "rejection_area")
    )
    means = (f"mean efficiency at fake rates of {fake}", f"mean rejection at efficiencies of {efficiency}")
    columns = ("signal", "best cut", "Q", "efficiency", "fake rate", *means)
    return Table("cuts", "Cut of best Q = efficiency / sqrt(fake rate), and partial areas", columns, tuple(rows))


def purity(section: Mapping[str, Any]) -> Table:
    """A row per signal and working point: purity where signal is rare."""
    rows = [
        (signal, asked_for(point), *(_pair(*pair) for pair in zip(point["value"], point["error"], strict=True)))
        for signal, of in section["signals"].items()
        for point in of.get("purity", ())
    ]
    columns = ("signal", "asked for", *(f"{100 * p:g} % signal" for p in section["prevalences"]))
    return Table("purity", "Purity on test, by the share of signal before the cut", columns, tuple(rows))


def areas(section: Mapping[str, Any]) -> Table:
    """Of more than two classes: each against the rest and against each other, and the averages."""
    rest, one = section["one_vs_rest"], section["one_vs_one"]
    classes = rest["classes"]
    rows = [
        (name, _pair(of["auc"], of["error"]), *(_pair(a, e) for a, e in zip(area, error, strict=True)))
        for name, of, area, error in zip(classes, rest["per_class"], one["auc"], one["error"], strict=True)
    ]
    blank = (None,) * len(classes)
    rows += [(f"{name} average", _pair(rest[name]["auc"], rest[name]["error"]), *blank) for name in ("macro", "micro")]
    rows.append(("macro average, one against one", _pair(one["macro"]["auc"], one["macro"]["error"]), *blank))
    columns = ("species", "against the rest", *(f"against {name}" for name in classes))
    return Table("areas", "AUC of each species", columns, tuple(rows))


def species(section: Mapping[str, Any]) -> Table:
    """Efficiency of each species (rows) at the fixed fake rate of each other (columns)."""
    classes = section["classes"]
    rows = tuple(
        (name, *(_pair(section["efficiency"][a][b], section["error"][a][b]) for b in range(len(classes))))
        for a, name in enumerate(classes)
    )
    title = f"Efficiency at a fake rate of {100 * section['asked']:g} %, per pair of species"
    return Table("species", title, ("species", *(f"against {c}" for c in classes)), rows)


def in_bins(name: str, section: Mapping[str, Any]) -> Table:
    """A row per signal and bin of a variable."""
    edges, rows = section["edges"], []
    for signal, of in section["signals"].items():
        quantities = [of["auc"], *([of["cut"][k] for k in ("efficiency", "fake_rate")] if "cut" in of else [])]
        for i, (low, high) in enumerate(itertools.pairwise(edges)):
            rows.append((signal, low, high, *(_pair(q["value"][i], q["error"][i]) for q in quantities)))
    unit = f" [{section['unit']}]" if section["unit"] else ""
    cut = next((of["cut"] for of in section["signals"].values() if "cut" in of), None)
    rates = (f"efficiency at fake rate {100 * cut['asked']:g} %", "fake rate") if cut else ()
    columns = ("signal", f"{name} from{unit}", f"to{unit}", "AUC", *rates)
    return Table(f"by_{name}".replace(".", "_"), f"Test events in bins of {name}", columns, tuple(rows))


def robustness(section: Mapping[str, Any]) -> Table:
    """A row per shift: AUC, its paired difference to nominal, and the first cut of each signal."""
    rows = []
    for row in ({"shift": "nominal", **section["nominal"]}, *section["shifts"]):
        difference = (row.get("difference") or {}).get("auc") or {}
        change = _pair(difference.get("difference"), difference.get("error")) if difference else None
        cells = [_pair(row["auc"], row["auc_error"]), change, difference.get("p_value")]
        cells.append(_pair(row["accuracy"], row["accuracy_error"]))
        points: list[Any] = next(iter(row.get("signals", {}).values()), [])
        cells += [_pair(p[k]["value"], p[k]["error"]) for p in points for k in ("efficiency", "fake_rate")]
        rows.append((row["shift"], *cells))
    points = next(iter(section["nominal"].get("signals", {}).values()), [])
    heads = [
        f"{what} (cut at {p['target'].replace('_', ' ')} {100 * p['asked']:g} %)"
        for p in points
        for what in ("efficiency", "fake rate")
    ]
    columns = ("shift", "AUC", "difference", "p", "accuracy", *heads)
    width = len(columns)
    padded = tuple(row + (None,) * (width - len(row)) for row in rows)
    return Table("robustness", "Test events under shifts of the detector", columns, padded)


def permutation(section: Mapping[str, Any]) -> Table:
    """A row per part of the input: what the AUC and the accuracy lose when it is shuffled."""
    rows = []
    for row in section["permutation"]:
        auc, accuracy = row["loss"]["auc"] or {}, row["loss"]["accuracy"]
        losses = (_pair(auc.get("difference"), auc.get("error")), _pair(accuracy["difference"], accuracy["error"]))
        rows.append((row["kind"], row["name"], *losses))
    columns = ("kind", "part", "loss of AUC", "loss of accuracy")
    return Table("importance", "What is lost when a part of the input is shuffled among events", columns, tuple(rows))


def asked_for(point: Mapping[str, Any]) -> str:
    """`fake rate 1 %`."""
    return f"{point['target'].replace('_', ' ')} {100 * point['asked']:g} %"


def _pair(value: Any, error: Any) -> tuple[Any, Any] | None:
    return None if value is None else (value, error)
