"""Runs that belong together: the same training with several seeds, or one for every fold of a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pidcam.errors import DataError, MismatchError
from pidcam.files import read_json, write_json

GROUP = "group.json"
FORMAT = 1


@dataclass(frozen=True)
class Group:
    """The folder `path` with the runs `members` in it."""

    path: Path
    kind: Literal["repeats", "folds"]
    members: tuple[Path, ...]

    def save(self) -> None:
        """Write `group.json`, once all members are there."""
        names = [member.name for member in self.members]
        write_json(self.path / GROUP, {"format": FORMAT, "kind": self.kind, "members": names})


def is_group(path: Path | str) -> bool:
    """Whether a folder holds a finished group of runs."""
    return (Path(path) / GROUP).exists()


def load_group(path: Path | str) -> Group:
    """The group of runs at `path`; `DataError` if its description is damaged or of another format."""
    path = Path(path)
    content = read_json(path / GROUP)
    if not isinstance(content, dict) or not {"kind", "members", "format"} <= content.keys():
        raise DataError("is not a group of runs", where=path / GROUP)
    if content["format"] != FORMAT:
        raise MismatchError(f"has format {content['format']}, this pidcam reads {FORMAT}", where=path / GROUP)
    return Group(path, content["kind"], tuple(path / name for name in content["members"]))
