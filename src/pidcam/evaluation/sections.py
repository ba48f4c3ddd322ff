"""The parts of metrics.json beyond the numbers per split. A part that cannot be made is a named gap, the rest is made.

A section is a function registered by name, `@sections.register("calibration")`; a task says which ones make sense for
it (`Task.sections`). Another package adds its own through the entry-point group `pidcam.evaluation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pidcam.analysis import plain
from pidcam.errors import InputError
from pidcam.predictions import Predictions
from pidcam.registry import Registry
from pidcam.tasks.base import Task

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Judged:
    """What is judged: the task, and its predictions for the splits that can be judged (see `sample.clean`).

    `valid` chooses thresholds and the temperature, `test` is what numbers are quoted on.
    """

    task: Task
    splits: Mapping[str, Predictions]

    def need(self, split: str) -> Predictions:
        """Predictions of a split; `InputError` where there is none, which makes a gap of what needs it."""
        if split not in self.splits:
            raise InputError(f"no {split} split", fix="prepare the store with one: --split 0.8/0.1/0.1")
        return self.splits[split]

    def need_classes(self, what: str) -> None:
        """`InputError` unless the task is a classification."""
        if not self.signals:
            raise InputError(f"{what} is made for classifications only")

    @property
    def signals(self) -> tuple[str, ...]:
        """The classes that are held against the rest."""
        return self.task.signals


Section = Callable[[Judged, Warn], Any]
sections: Registry[Section] = Registry("section", "pidcam.evaluation")


class Gaps(dict[str, list[str]]):
    """{place: lines}: what could not be made, or should be read with care."""

    def warn(self, place: str) -> Warn:
        """A function that takes down one line, once."""

        def add(line: str) -> None:
            lines = self.setdefault(place, [])
            if line not in lines:
                lines.append(line)

        return add

    def attempt(self, place: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, JSON-ready; None where bad input makes it a gap, which is then named."""
        try:
            return plain(make())
        except InputError as error:
            self.warn(place)(str(error))
            return None


def make_sections(names: Iterable[str], judged: Judged, gaps: Gaps) -> dict[str, Any]:
    """The named sections, JSON-ready; those that cannot be made are left out and named in `gaps`."""
    made = {name: gaps.attempt(name, lambda name=name: sections[name](judged, gaps.warn(name))) for name in names}  # type: ignore[misc]
    return {name: content for name, content in made.items() if content is not None}
