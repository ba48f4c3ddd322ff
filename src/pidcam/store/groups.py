"""Splits that tear no group apart: all events of one file, or of one run, go the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pidcam.errors import DataError
from pidcam.store.shuffle import permutation

OUTSIDE = -1
NOBODY = -1
"""Group of the events that are not used."""


def assign_groups(
    label: np.ndarray,
    group: np.ndarray,
    fractions: np.ndarray,
    seed: int,
    splits: Sequence[str],
    names: Mapping[int, str],
) -> np.ndarray:
    """(n,) int8 split of every event, `OUTSIDE` for those of group `NOBODY`; whole groups, as near to the fractions as
    they allow in every class.

    The largest group goes first (equal ones in an order drawn from the seed), each to where it leaves the smallest
    squared distance from what the classes should have. `DataError` if a class lies in fewer groups than there are
    splits, or a split got no event of a class.
    """
    labels = np.array(sorted(names))
    mine = np.flatnonzero(group != NOBODY)
    numbers, place = np.unique(group[mine], return_inverse=True)
    counts = np.zeros((len(numbers), len(labels)))
    np.add.at(counts, (place, np.searchsorted(labels, label[mine])), 1)
    total = counts.sum(axis=0)
    _require_enough(counts, total, splits, [names[k] for k in labels.tolist()])

    share = counts / np.maximum(total, 1)
    order = permutation(len(numbers), "groups", seed)
    order = order[np.argsort(-share[order].max(axis=1), kind="stable")]
    missing = np.repeat(fractions[:, None], len(labels), axis=1) * (total > 0)
    without, left = np.tile(total > 0, (len(splits), 1)), (counts > 0).sum(axis=0)
    chosen = np.empty(len(numbers), np.int8)
    for number in order:
        holds = counts[number] > 0
        # (m - s)^2 - m^2 of every split, relative to its own fraction so that a small one is not starved
        cost = ((share[number] * (share[number] - 2 * missing)) / fractions[:, None]).sum(axis=1)
        # the last groups of a class belong to the splits that have none of it yet
        urgent = holds & (left <= without.sum(axis=0))
        wanted = without[:, urgent].sum(axis=1)
        best = np.where(wanted == wanted.max(), cost, np.inf).argmin()
        chosen[number] = best
        missing[best] -= share[number]
        without[best] &= ~holds
        left -= holds
    _require_everywhere(counts, chosen, total, splits, [names[k] for k in labels.tolist()])
    result = np.full(len(label), OUTSIDE, np.int8)
    result[mine] = chosen[place]
    return result


def joined(group: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Groups (n,) int64, those made one that hold the same event: number `one[i]` and number `other[i]`."""
    from scipy.sparse import coo_array  # heavy, and seldom needed
    from scipy.sparse.csgraph import connected_components

    numbers, place = np.unique(group, return_inverse=True)
    edges = coo_array((np.ones(len(one)), (place[one], place[other])), shape=(len(numbers), len(numbers)))
    return connected_components(edges, directed=False)[1].astype(np.int64)[place]


def _require_enough(counts: np.ndarray, total: np.ndarray, splits: Sequence[str], names: Sequence[str]) -> None:
    groups = (counts > 0).sum(axis=0).tolist()
    for k, name in enumerate(names):
        if total[k] and groups[k] < len(splits):
            raise DataError(
                f"class '{name}' lies in {groups[k]} group{'s' * (groups[k] != 1)} that may not be torn apart, and "
                f"{len(splits)} splits ({', '.join(splits)}) need at least as many",
                where="--split-by",
                fix="give more files or runs, fewer splits, or split by fractions alone",
            )


def _require_everywhere(
    counts: np.ndarray, chosen: np.ndarray, total: np.ndarray, splits: Sequence[str], names: Sequence[str]
) -> None:
    for number, split in enumerate(splits):
        got = counts[chosen == number].sum(axis=0)
        for k, name in enumerate(names):
            if total[k] and not got[k]:
                raise DataError(
                    f"the groups are too unequal: split '{split}' would hold no event of class '{name}'",
                    where="--split-by",
                    fix="try another --seed, or fractions nearer to the sizes of the groups",
                )
