"""The registry: names that are unknown or taken, and strangers' things through entry points."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pidcam.errors import PidcamError, UnknownNameError
from pidcam.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package `zoo` with a registry and one module of its own; `plug` adds strangers to it."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from pidcam.registry import Registry\nanimals = Registry('animal', 'zoo')\n", encoding="utf-8"
    )
    (folder / "own.py").write_text("from zoo import animals\nanimals.add('lion', 'roar')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [n for n in sys.modules if n.split(".")[0] in ("zoo", "stranger")]:
        del sys.modules[name]


def plug(folder: Path, module: str) -> None:
    """A second distribution, with an entry point in the group `zoo`."""
    (folder / "stranger.py").write_text(module, encoding="utf-8")
    info = folder / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[zoo]\nanything = stranger\n", encoding="utf-8")


def animals() -> Registry[str]:
    import zoo  # type: ignore[import-not-found]

    registry: Registry[str] = zoo.animals
    return registry


def test_own_things_are_found_at_the_first_look(package: Path) -> None:
    registry = animals()
    assert "zoo.own" not in sys.modules, "nothing is imported before it is asked for"
    assert registry["lion"] == "roar"
    assert "tiger" not in registry


def test_a_stranger_adds_by_an_entry_point(package: Path) -> None:
    plug(package, "from zoo import animals\nanimals.add('tiger', 'growl')\n")
    assert list(animals()) == ["lion", "tiger"]
    assert animals()["tiger"] == "growl"


def test_a_stranger_that_does_not_load_is_named_each_time(package: Path) -> None:
    plug(package, "raise RuntimeError('no teeth')\n")
    for _ in range(2):
        with pytest.raises(PidcamError, match=r"^plug-in stranger \(zoo\) does not load: no teeth$"):
            animals()["lion"]


def test_an_unknown_name_is_answered_with_the_nearest(package: Path) -> None:
    with pytest.raises(UnknownNameError) as error:
        animals()["loin"]
    assert str(error.value) == "unknown animal 'loin'; did you mean 'lion'?"
    with pytest.raises(UnknownNameError, match=r"^unknown animal 'zebra'; known: lion$"):
        animals()["zebra"]


def test_a_name_is_given_once(package: Path) -> None:
    plug(package, "from zoo import animals\nanimals.add('lion', 'meow')\n")
    with pytest.raises(PidcamError, match="animal 'lion' is registered twice"):
        list(animals())


def test_a_thing_is_registered_by_decorating_it() -> None:
    registry: Registry[type] = Registry("thing", "pidcam.formats")

    @registry.register("mine")
    class Mine: ...

    assert Mine in [registry["mine"]]


def test_every_registry_of_pidcam_loads() -> None:
    from pidcam.detectors.base import detectors
    from pidcam.formats.layout import formats
    from pidcam.models.base import models
    from pidcam.tasks.base import tasks
    from pidcam.transforms.base import transforms

    for registry in (detectors, formats, models, tasks, transforms):
        assert list(registry)
