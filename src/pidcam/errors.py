"""The error family. Every error a user can cause is one clear line: where it is, what is wrong, what to do.

The command line prints the line on stderr and leaves with the class's `exit_code`; a notebook sees the exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

EXIT_FAULT = 1
EXIT_BAD_INPUT = 2
EXIT_STOPPED = 75
EXIT_ABORTED = 130


class PidcamError(Exception):
    """Base of every error that pidcam raises on purpose."""

    exit_code = EXIT_FAULT


class InputError(PidcamError):
    """Something the user gave is wrong: a file, a value, a name.

    `where` is the place (file, key, event), `what` the fault, `fix` what to do next.
    """

    exit_code = EXIT_BAD_INPUT

    def __init__(self, what: str, *, where: str | Path | None = None, fix: str | None = None):
        self.what, self.where, self.fix = what, where, fix
        line = what if where is None else f"{where}: {what}"
        super().__init__(line if fix is None else f"{line}; {fix}")

    def __reduce__(self) -> tuple[object, ...]:  # crosses process boundaries with its parts intact
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(kind: type[InputError], what: str, where: str | Path | None, fix: str | None) -> InputError:
    error = kind.__new__(kind)
    InputError.__init__(error, what, where=where, fix=fix)
    return error


class DataError(InputError):
    """A raw file or store does not hold what its schema declares."""


class ConfigError(InputError):
    """A configuration value has the wrong type or range."""


class MismatchError(InputError):
    """Two things that must agree do not: schema, class order, split."""


class OutputError(InputError):
    """Writing was refused: the disk is full, or permission is missing. What was begun may be finished later."""


class ExistsError(InputError):
    """The output is already there; nothing is ever overwritten unasked."""


class UnknownNameError(InputError):
    """A name that nobody registered; the message names the nearest known one."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | Path | None = None):
        known = sorted(known)
        near = [each for each in known if each.endswith(f".{name}")]  # the same key, of a part
        near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        fix = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"
        super().__init__(f"unknown {kind} '{name}'", where=where, fix=fix)


class MissingExtraError(InputError):
    """An optional dependency is not installed; the message is the line that installs it."""

    def __init__(self, feature: str, extra: str):
        super().__init__(f"{feature} needs an extra", fix=f"run: pip install 'pidcam[{extra}]'")


class Stopped(PidcamError):  # noqa: N818, it is news and no fault
    """Work stopped early with a checkpoint: calling the same command again goes on from there."""

    exit_code = EXIT_STOPPED
