"""A recipe names everything one command needs: detector, raw files, preparation, models. Plain YAML."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from pidcam.config import load_yaml, parse
from pidcam.registry import Registry
from pidcam.schema import Spec


class RecipeModel(Spec):
    """One model of a recipe: its configuration, laid over its own recipe, and a `note` to be read with its results.

    A run keeps the note it was made with."""

    name: str
    config: dict[str, Any] = {}
    note: str = ""


class Simulated(Spec):
    """Raw files that are simulated first: `n` events of each species (without `species`, of all), with `parameters` of
    the detector's simulator."""

    n: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    species: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}


class Recipe(Spec):
    """What is learnt from: `files` (patterns from the working directory), or what `simulate` makes.

    `test` are patterns of files that are the test split. `train_events` is how many events of the training split are
    scored at most. `reference` is the model that the others are compared with.
    """

    name: str
    title: str
    detector: str
    files: tuple[str, ...] = ()
    simulate: Simulated | None = None
    test: tuple[str, ...] = ()
    prepare: dict[str, Any] = {}
    models: tuple[RecipeModel, ...]
    train_events: Annotated[int, Field(ge=1)] | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Recipe:
        if self.files and self.simulate is not None:
            raise ValueError("has both files and simulate; leave one out")
        return self


recipes: Registry[Recipe] = Registry("recipe", "pidcam.recipes")


def load_recipe(path: Path) -> Recipe:
    """A recipe from YAML; errors name file and key."""
    return parse(Recipe, load_yaml(path), where=path)


for _path in files("pidcam.recipes").iterdir():
    if _path.name.endswith(".yaml"):
        recipes.add(Path(str(_path)).stem, load_recipe(Path(str(_path))))
