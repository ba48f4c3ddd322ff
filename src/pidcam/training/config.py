"""The resolved configuration of a run: which store, task, model, transforms and recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pidcam.config import merge, parse
from pidcam.models.base import ModelEntry, models
from pidcam.models.choice import AUTO
from pidcam.schema import EventSchema, Spec
from pidcam.store.store import Store
from pidcam.tasks.base import Task, tasks
from pidcam.training.options import TrainingOptions

DEFAULT_TASK = "classify"


class Named(Spec):
    """A registered thing with its options, which are checked by the thing itself."""

    model_config = {"extra": "allow"}

    name: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


PathText = Annotated[str, BeforeValidator(str)]


class FromRaw(Spec):
    """Raw `files` of a `detector` (a name, or the path of a card), and those to `test` on; `prepare` are options."""

    detector: PathText
    files: tuple[PathText, ...] = ()
    test: tuple[PathText, ...] = ()
    prepare: dict[str, Any] = {}


class RunConfig(Spec):
    """`task` and `model` are `{name: ..., option: ...}`; `transforms` a list of such; `parent` is the run whose fitted
    weights the training begins with, `fold` that of a store split into folds to test on; `from_raw` what the store was
    made from while the first epoch was trained."""

    store: str
    task: Named = Named(name=DEFAULT_TASK)
    model: Named = Named(name=AUTO)
    transforms: list[dict[str, Any]] = Field(default_factory=list)
    training: TrainingOptions = TrainingOptions()
    parent: str | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    from_raw: FromRaw | None = None

    @property
    def entry(self) -> ModelEntry:
        return models[self.model.name]

    def open_store(self) -> Store:
        """What was trained on: the store, or the fold of it."""
        return Store(self.store, fold=self.fold)

    def build_task(self, schema: EventSchema) -> Task:
        kind = tasks[self.task.name]
        return kind(schema, parse(kind.Options, self.task.options, where=f"task '{self.task.name}'"))


def resolve(store: str, given: dict[str, Any], recipes: Mapping[str, dict[str, Any]]) -> RunConfig:
    """The model's own recipe, the detector's for it, what the user gave, one over the other; every key is checked."""
    name = given.get("model", {}).get("name", AUTO)
    config: dict[str, Any] = {"task": {"name": DEFAULT_TASK}, "model": {"name": name}}
    for layer in (models[name].recipe, recipes.get(name, {}), {**given, "store": store}):
        config = merge(config, layer)
    return parse(RunConfig, config)
