"""A recipe names everything one command needs: detector, raw files, preparation, models. Plain YAML."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pidcam.config import load_yaml, parse
from pidcam.registry import Registry
from pidcam.schema import Spec


class RecipeModel(Spec):
    """One model of a recipe: `name` of the run, and its configuration laid over the model's own recipe."""

    name: str
    config: dict[str, Any] = {}


class Recipe(Spec):
    """`files` are patterns from the working directory; `reference` is the model that the others are compared with."""

    name: str
    title: str
    detector: str
    files: tuple[str, ...]
    prepare: dict[str, Any] = {}
    models: tuple[RecipeModel, ...]
    reference: str | None = None


recipes: Registry[Recipe] = Registry("recipe", "pidcam.recipes")


def load_recipe(path: Path) -> Recipe:
    """A recipe from YAML; errors name file and key."""
    return parse(Recipe, load_yaml(path), where=path)


for _path in files("pidcam.recipes").iterdir():
    if _path.name.endswith(".yaml"):
        recipes.add(Path(str(_path)).stem, load_recipe(Path(str(_path))))
