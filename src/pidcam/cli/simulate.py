"""The verb `simulate`."""

from __future__ import annotations

from typing import Annotated

import typer

from pidcam.cli.options import Out, Shown
from pidcam.cli.shell import verb

commands = typer.Typer()


@commands.command("simulate")
@verb
def simulate_command(
    detector: Annotated[str, typer.Argument(help="Name of the detector (see: pidcam list simulators).")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Physics, e.g. pt=[20,100].")
    ] = None,
    n: Annotated[int, typer.Option("-n", "--events", help="Events of each species.")] = 1000,
    out: Out = None,
    species: Annotated[
        list[str] | None,
        typer.Option(help="Name, class or PDG id; may be repeated. [default: all]", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: all cores).", show_default=False)
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:port.", show_default=False)
    ] = None,
) -> Shown:
    """Make official raw files of a detector by fast simulation."""
    from pidcam.cli.show_simulation import show_simulation
    from pidcam.verbs.simulate import simulate

    made = simulate(
        detector, n, out, species=species, seed=seed, workers=workers, cluster=cluster, set=parameters or ()
    )
    return made.as_json(), lambda: show_simulation(made)
