"""One registry for everything that has a name: detectors, formats, models, tasks, transforms, recipes.

A thing is registered by decorating it. pidcam's own live in the package named at construction; a stranger's package
adds its own by an entry point in the group of the same name (`pidcam.models`, ...) that points to a module whose import
runs the decorators. Both are imported at the first look-up, never before.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from pidcam.errors import PidcamError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one kind; `group` is both the package that holds ours and the entry-point group."""

    def __init__(self, kind: str, group: str):
        self.kind, self.group = kind, group
        self._things: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, thing: T) -> T:
        """Register `thing` as `name`; a name is given once."""
        if name in self._things:
            raise PidcamError(f"{self.kind} '{name}' is registered twice")
        self._things[name] = thing
        return thing

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of `add`."""
        return lambda thing: self.add(name, thing)

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._things:
            raise UnknownNameError(self.kind, name, self._things)
        return self._things[name]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._things))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports, which may look things up themselves
        try:
            self._import()
        except BaseException:
            self._loaded = False  # never go on with half of the things as if that was all
            raise

    def _import(self) -> None:
        package = importlib.import_module(self.group)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.group}.{module.name}")
        for point in entry_points(group=self.group):
            try:
                point.load()
            except Exception as error:
                raise PidcamError(f"plug-in {point.value} ({self.group}) does not load: {error}") from error
