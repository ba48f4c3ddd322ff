"""A row per detector and model for docs/results.md: AUC, accuracy, training time and parameters, on simulated events.

python benchmarks/results.py [DETECTOR ...] [--work FOLDER] [--models NAME ...] [--set KEY=VALUE ...] [--docs PAGE]

Of each detector a small sample is simulated and split; on the same split are trained the network for such events, the
model of the works that used the detector (with its own recipe), the boosted trees, and where events have features a
dense network that sees those alone. Epochs are few and the sample is small: the rows compare models at equal data, and
say what a laptop gives in minutes. Called again it takes what is in the work folder and goes on; the page keeps the
rows of the detectors not asked for. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import pidcam
from pidcam.cli.tables import duration, with_error
from pidcam.detectors.base import detectors
from pidcam.files import read_json, write_json, write_text
from pidcam.jobs import available_cores
from pidcam.models.choice import by_rule, choose_model
from pidcam.runs import provenance

START, END = "<!-- results of benchmarks/results.py: begin -->", "<!-- results of benchmarks/results.py: end -->"
HEAD = "| detector | model | test AUC | accuracy | fit | parameters |\n| --- | --- | --- | --- | --- | --- |"
FEATURES = "features alone"


@dataclass(frozen=True)
class Study:
    """`n` events of each species; `reference` is the published model; `set` goes to every network, `network` to the one
    for such events alone, where the recipe of the detector would take too long here."""

    n: int
    reference: str | None
    set: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


COARSE = "{name: downsample, image: planes, factor: {wire: 2, tick: 8}}"

STUDIES = {
    "toy": Study(10000, "one-filter-cnn", ("training.epochs=8",)),
    "cms-ecal": Study(20000, "reference-cnn"),
    "cms-jets": Study(4000, "two-branch", ("training.epochs=6",)),
    "belle2-pxd": Study(2000, "pxd-cnn"),
    "belle2-pxd-clusters": Study(6000, "pxd-mlp"),
    "clic-lcd": Study(1500, "lcd-dnn", ("training.epochs=8",)),
    "lariat": Study(
        300,
        "inception",
        ("training.epochs=8", f"transforms=[{{name: scale, by: rms}}, {COARSE}]"),
        (f"transforms=[{{name: shapes}}, {{name: scale, by: rms}}, {COARSE}]",),
    ),
    "next-tpc": Study(4000, "cnn-3d", ("training.epochs=8",), parameters={"voxel": [10, 10, 5], "centred": True}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("detectors", nargs="*", default=list(STUDIES), metavar="DETECTOR")
    parser.add_argument("--work", type=Path, default=Path("results"), help="folder for samples, stores and runs")
    parser.add_argument("--models", nargs="+", default=[], help="further models")
    parser.add_argument("--set", nargs="*", default=[], help="key.sub=value, for every network")
    parser.add_argument("--docs", type=Path, help="page whose rows are written anew")
    options = parser.parse_args()
    found = {name: study(name, options.work / name, options.models, options.set) for name in options.detectors}
    if options.docs:
        write_page(options.docs, options.work)
    print(json.dumps(found))


def study(detector: str, work: Path, more: list[str], assignments: list[str]) -> dict[str, Any]:
    """Train and evaluate what is not there yet; returns and writes (`rows.json`) what was measured."""
    about = STUDIES[detector]
    raw = pidcam.simulate(detector, about.n, work / "raw", seed=1, **about.parameters)
    same = not detectors[detector]().schema.content_identifies  # whole numbers coincide by chance
    store = pidcam.prepare(detector, raw.files, work / "store", split="0.7/0.1/0.2", seed=1, keep_duplicates=same)
    default, _ = choose_model(detector, store.schema)
    network, _ = by_rule(store.schema)
    names = dict.fromkeys(filter(None, [network, about.reference, "bdt", *more]))
    rows: dict[str, Any] = {}
    kept = store.manifest.accounting.kept.values()
    content: dict[str, Any] = {
        "detector": detector,
        "n": about.n,
        "classes": sum(any(of.get(name) for of in kept) for name in store.schema.class_names),
        "rows": rows,
    }
    content |= {"train": store.manifest.events("train"), "machine": machine()}
    for name in (*names, *([FEATURES] if store.schema.features and store.schema.images else [])):
        given = [] if name == "bdt" else [*about.set, *(about.network if name == network else ()), *assignments]
        model = "mlp" if name == FEATURES else name
        if name == FEATURES:
            given.append("transforms=[{name: inputs, images: []}]")
        run = pidcam.train(store.path, work / name.replace(" ", "-"), model=model, set=given)
        done = (run.path / "metrics.json").exists()
        metrics = (run.metrics if done else pidcam.evaluate(run, train_events=2000))["test"]
        rows[name] = {key: metrics[key] for key in ("n", "auc", "auc_error", "accuracy", "accuracy_error")}
        rows[name] |= {"seconds": run.about["fit_seconds"], "parameters": run.about["parameters"]}
        roles = ((default, "default"), (about.reference, "published"))
        rows[name]["role"] = ", ".join(role for of, role in roles if of == name)
        print(f"{detector:20} {name:18} AUC {with_error(metrics['auc'], metrics['auc_error'])}", flush=True)
        write_json(work / "rows.json", content)
    return content


def machine() -> str:
    cores = f"{available_cores()} core{'s' * (available_cores() > 1)}"
    return f"{cores}, {platform.machine()}, PyTorch {torch.__version__}, pidcam {provenance()['pidcam']}"


def write_page(page: Path, work: Path) -> None:
    """Put the rows of all detectors measured in the folder between the marks of the page; others keep theirs."""
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    told, _, after = rest.partition(END)
    groups = rows_of(told)
    for found in map(read_json, sorted(work.glob("*/rows.json"))):
        groups[found["detector"]] = rows_for(found)
    lines = [line for name in sorted(groups) for line in groups[name]]
    text = "\n".join([START, "", HEAD, *lines, "", f"Measured on: {machine()}.", "", END])
    write_text(page, f"{before}{text}{after}")


def rows_of(table: str) -> dict[str, list[str]]:
    """{detector: its lines} of a table that was written before."""
    groups: dict[str, list[str]] = {}
    lines = [line for line in table.splitlines() if line.startswith("| ") and line not in HEAD.splitlines()]
    name = ""
    for line in lines:
        name = line.split("|")[1].strip().partition(",")[0] or name
        groups.setdefault(name, []).append(line)
    return groups


def rows_for(found: dict[str, Any]) -> list[str]:
    lines = []
    for number, (name, row) in enumerate(found["rows"].items()):
        cells = [with_error(row[key], row[f"{key}_error"], 3) for key in ("auc", "accuracy")]
        told = f"`{name}`" if name != FEATURES else name
        told += f" ({row['role']})" if row["role"] else ""
        about = f"{found['detector']}, {found['train']:,} training events, {found['classes']} classes"
        first = about if not number else " "
        lines.append(f"| {first} | {told} | {' | '.join(cells)} | {duration(row['seconds'])} | {row['parameters']:,} |")
    return lines


if __name__ == "__main__":
    main()
