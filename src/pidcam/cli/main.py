"""The command line: thin verbs over the functions that a notebook calls. Heavy modules are imported inside a verb."""

from __future__ import annotations

from typing import Annotated

import typer

import pidcam
from pidcam.cli import bench, data, learning, simulate, train
from pidcam.cli.shell import Commands

app = typer.Typer(
    name="pidcam",
    cls=Commands,
    help="From raw detector images to a particle-identification model that a physicist can trust.",
    epilog="Start with: pidcam run egamma",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(pidcam.__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


for _group in (data, simulate, train, learning, bench):
    app.add_typer(_group.commands)


def main() -> None:
    """Entry point of the command `pidcam`."""
    app(prog_name="pidcam")
