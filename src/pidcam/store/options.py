"""What `prepare` may be told."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from pidcam.config import overrides
from pidcam.schema import Spec

Positive = Annotated[int, Field(ge=1)]


def _assigned(value: Any) -> Any:
    """`electron=1,photon=2` as a mapping; several such texts, one after the other, add up."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    parts = [part for text in value for part in str(text).split(",")]
    if wrong := [part for part in parts if part.count("=") != 1]:
        raise ValueError(f"'{wrong[0]}' is not NAME=VALUE")
    names = [part.partition("=")[0].strip() for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"'{twice[0]}' is given twice")
    return dict(zip(names, (part.partition("=")[2].strip() for part in parts), strict=True))


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str | Mapping) else value


def _step(value: Any) -> Any:
    """`threshold image=ecal minimum=0.1` as {name: threshold, image: ecal, minimum: 0.1}."""
    if not isinstance(value, str):
        return value
    name, *rest = shlex.split(value) or [""]
    return {"name": name, **overrides(rest)}


Number = Annotated[float, Field(ge=0, lt=math.inf)]
Numbers = Annotated[dict[str, Number], BeforeValidator(_assigned)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]
Step = Annotated[dict[str, Any], BeforeValidator(_step)]
Kind = Literal["dense", "cells", "points"]


class PrepareOptions(Spec):
    """What `prepare` may be told.

    split: `official`, fractions, `hash:` and fractions, or `folds:K`; split_by: events of one `file`, or with the same
    value of a feature or target such as the run number, stay in one split; seed: of split and shuffle; keep_empty: keep
    events without a hit; keep_duplicates: keep repeated content, always in the split of its first occurrence; drop_bad:
    drop and count events with NaN, infinite or forbidden values instead of stopping; limit: at most this many events
    per class, in the proportions of the splits (and as many again of test files of their own); shard_events: events per
    file of the store (default: about 32 MiB each).

    select: a condition on features, targets, `hits` and sums of images (see `pidcam.expressions`), events that do not
    meet it are dropped; mix: the proportions of the classes, `{electron: 1, photon: 2}`, events beyond are dropped;
    reweight: columns with their bins (`energy:20` or `energy:0,10,50`) in whose joint spectrum the weights make the
    classes flat, or like that of the class `reference`; class_weight: a factor to the weights of each class.

    steps: changes to raw events as they are read, `{name: threshold, image: ecal, minimum: 0.1}`; storage: how an image
    is kept, instead of what measures smaller; float16: keep values of images in two bytes, the loss is reported.
    """

    split: str = "0.8/0.1/0.1"
    split_by: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    keep_empty: bool = False
    keep_duplicates: bool = False
    drop_bad: bool = False
    allow_one_class: bool = False
    limit: Positive | None = None
    shard_events: Positive | None = None
    select: str | None = None
    mix: Numbers = {}
    reweight: Texts = ()
    reference: str | None = None
    class_weight: Numbers = {}
    steps: Annotated[tuple[Step, ...], BeforeValidator(_several)] = ()
    storage: Annotated[dict[str, Kind], BeforeValidator(_assigned)] = {}
    float16: bool = False
