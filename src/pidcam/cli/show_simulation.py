"""How a simulation looks on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pidcam.cli.tables import console, file_size, show_table, show_wrote

if TYPE_CHECKING:
    from pidcam.verbs.simulate import Simulation


def show_simulation(made: Simulation) -> None:
    """The files, the parameters, and how to go on."""
    record = made.record
    rows = [
        [entry["file"], entry["class"], entry["events"], file_size(path.stat().st_size)]
        for entry, path in zip(record["files"], made.files, strict=True)
    ]
    show_table(["file", "class", "events", "size"], rows, title=f"{record['detector']}, seed {record['seed']}")
    values = ", ".join(f"{name}={value}" for name, value in record["parameters"].items())
    console().print(f"parameters: {values}", markup=False, soft_wrap=True)
    patterns = dict.fromkeys(str(path.parent / f"*{path.suffix}") for path in made.files)
    show_wrote("raw files", made.path, f"pidcam prepare {record['detector']} {' '.join(patterns)}")
