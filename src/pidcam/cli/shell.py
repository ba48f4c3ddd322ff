"""What every verb of the command line shares: --json, --debug, --quiet, one clear line for every error, exit codes."""

from __future__ import annotations

import functools
import inspect
import json as jsonlib
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pidcam.errors import EXIT_ABORTED, EXIT_FAULT, PidcamError

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
        except KeyboardInterrupt:
            _fail("aborted; nothing half-written was left", EXIT_ABORTED, debug)
        except BrokenPipeError:  # the reader of our output went away
            sys.stderr.close()
            raise typer.Exit(EXIT_FAULT) from None
        except Exception as error:
            what = f"internal fault, {type(error).__name__}: {error}"
            _fail(f"{what}; please report it with the output of the same command and --debug", EXIT_FAULT, debug)

    given = inspect.signature(command, eval_str=True)
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("json", Json), ("debug", Debug), ("quiet", Quiet))
    ]
    run.__signature__ = given.replace(parameters=[*given.parameters.values(), *shared], return_annotation=None)  # type: ignore[attr-defined]
    return run


def _fail(line: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"pidcam: {' '.join(line.split())}", file=sys.stderr)
    raise typer.Exit(code)
