"""What every verb of the command line shares: --json, --debug, --quiet, one clear line for every error, exit codes."""

from __future__ import annotations

import functools
import inspect
import json as jsonlib
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer
import typer.core

from pidcam.errors import EXIT_ABORTED, EXIT_BAD_INPUT, EXIT_FAULT, PidcamError

UsageError: Any = typer.BadParameter.__mro__[1]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for machines.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full trace of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]


def verb(command: Callable[..., tuple[Any, Callable[[], None]]]) -> Callable[..., None]:
    """A command returns its JSON-ready result and a function that shows it to people; this runs and reports it."""

    @functools.wraps(command)
    def run(*args: Any, json: bool, debug: bool, quiet: bool, **kwargs: Any) -> None:
        from pidcam.progress import set_quiet

        set_quiet(quiet)
        try:
            result, show = command(*args, **kwargs)
            if json:
                print(jsonlib.dumps(result, indent=2, allow_nan=False, default=str))
            else:
                show()
        except PidcamError as error:
            _fail(str(error), error.exit_code, debug)
        except (KeyboardInterrupt, typer.Abort):
            _fail("aborted; nothing half-written was left", EXIT_ABORTED, debug)
        except BrokenPipeError:  # the reader of our output went away
            sys.stderr.close()
            raise typer.Exit(EXIT_FAULT) from None
        except OSError as error:
            _fail(*_refused(error), debug)
        except Exception as error:
            _fail(_fault(error), EXIT_FAULT, debug)

    given = inspect.signature(command, eval_str=True)
    for parameter in given.parameters.values():
        for said in get_args(parameter.annotation)[1:]:
            said.readable = False  # whether a path can be read is found out, and told better, by who reads it
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("json", Json), ("debug", Debug), ("quiet", Quiet))
    ]
    run.__signature__ = given.replace(parameters=[*given.parameters.values(), *shared], return_annotation=None)  # type: ignore[attr-defined]
    return run


def _refused(error: OSError) -> tuple[str, int]:
    """The line and exit code for what the operating system refused where nobody foresaw it."""
    from pidcam.files import DISK_FULL, NO_PERMISSION

    if error.errno in NO_PERMISSION:
        return f"{error.filename}: no permission; ask its owner for access, or choose another place", EXIT_BAD_INPUT
    if error.errno in DISK_FULL:
        return f"{error.filename or 'writing'}: the disk is full; free some space", EXIT_BAD_INPUT
    return _fault(error), EXIT_FAULT


def _fault(error: Exception) -> str:
    what = f"internal fault, {type(error).__name__}: {error}"
    return f"{what}; please report it with the output of the same command and --debug"


class Commands(typer.core.TyperGroup):
    """Mistakes in the command line itself are one line, too."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[misc]
        try:
            sys.exit(super().main(*args, standalone_mode=False, **extra))  # type: ignore[misc]
        except typer.Abort:
            print("pidcam: aborted", file=sys.stderr)
            sys.exit(EXIT_ABORTED)
        except UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()
                sys.exit(EXIT_BAD_INPUT)
            what = error.format_message().strip().removesuffix(".")
            command = error.ctx.command_path if error.ctx else "pidcam"
            print(f"pidcam: {what[:1].lower()}{what[1:]}; see: {command} --help", file=sys.stderr)
            sys.exit(EXIT_BAD_INPUT)


def _fail(line: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"pidcam: {' '.join(line.split())}", file=sys.stderr)
    raise typer.Exit(code)
