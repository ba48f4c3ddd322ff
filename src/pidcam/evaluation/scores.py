"""The events of a split, scored: as they are, or changed on their way to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from pidcam.batch import Batch
from pidcam.evaluation.variables import ALWAYS, variables
from pidcam.predictions import Predictions
from pidcam.store.store import Store
from pidcam.training.run import Run

ChangeBatch = Callable[[Batch, int], Batch]
"""A change to raw events, before the transforms of the run; the number counts the batches of the split from 0."""


def score_split(
    run: Run,
    store: Store,
    split: str,
    *,
    change: ChangeBatch | None = None,
    limit: int | None = None,
    by: tuple[str, ...] = (),
) -> Predictions:
    """Predictions for one split in stored order, in fp32 and evaluation mode; for the first `limit` events only.

    Spectators are features, targets, `energy` and `hits`, and the variables named in `by`, all of the unchanged events.
    """
    files = tuple(source.name for source in store.manifest.sources)
    loader = run.loader(store, split, limit=limit, stored=True, dense=change is not None)  # transforms come later

    def batches() -> Iterator[Batch]:
        for number, batch in enumerate(loader):
            yield batch if change is None else change(batch, number)

    predictions = run.predict_batches(batches(), files)
    table = np.append(run.task.selection.table(store.schema), -1)
    label = np.concatenate([shard.label for shard in store.shards(split)])
    chosen = np.flatnonzero(table[label] >= 0 if run.classes else np.ones(len(label), bool))[:limit]
    found = variables(store, split, tuple(dict.fromkeys((*ALWAYS, *by))))
    extra = {name: values[chosen] for name, values in found.items()}
    return replace(predictions, spectators={**predictions.spectators, **extra})
