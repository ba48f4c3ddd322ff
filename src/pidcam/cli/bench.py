"""The verb `bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from pidcam.cli.options import Assignments, Out, Shown
from pidcam.cli.shell import verb

commands = typer.Typer()


@commands.command("bench")
@verb
def bench_command(
    kind: Annotated[str, typer.Argument(help="What to measure: batch-size.")],
    source: Annotated[str, typer.Argument(metavar="STORE|DETECTOR", help="Store, or detector to simulate.")],
    assignments: Assignments = None,
    out: Out = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="See: pidcam list models. [default: auto]")] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", help="Batch sizes to try.", metavar="N,N,...")
    ] = "32,128,512,2048,8192,32768",
    seconds: Annotated[float, typer.Option("--seconds", help="Training time of each trial.")] = 10.0,
    n: Annotated[int, typer.Option("-n", "--events", min=1, help="Events of each species to simulate.")] = 5000,
    scale_lr: Annotated[
        bool, typer.Option("--scale-lr", help="Learning rate times sqrt(batch size / the recipe's).")
    ] = False,
) -> Shown:
    """Batch size against speed, utilisation and what is learnt in a given time, on every device."""
    from pidcam.cli.tables import show_table, show_wrote
    from pidcam.errors import InputError
    from pidcam.evaluation.tables import cell_text
    from pidcam.verbs.bench import bench, trials_table

    words = sizes.split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise InputError(f"'{sizes}' is no list of batch sizes", where="--sizes", fix="write for example 32,512,4096")
    how = {"model": model, "seconds": seconds, "n": n, "scale_lr": scale_lr, "set": assignments or ()}
    result = bench(kind, source, out, sizes=[int(word) for word in words], **how)  # type: ignore[arg-type]

    def show() -> None:
        table = trials_table(result)
        show_table(table.columns, [list(map(cell_text, row)) for row in table.rows], title=table.title)
        best = f" training.batch_size={result.best.batch_size}" if result.best else ""
        show_wrote("study", result.path, f"pidcam train {result.store} --model {result.model}{best}")

    return result.as_json(), show
