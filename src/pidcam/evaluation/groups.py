"""Groups of runs, several seeds or all folds, held against each other: member by member on the same test events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pidcam import analysis
from pidcam.analysis import AucComparison, SeedSpread
from pidcam.analysis.roc import z_and_p
from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.comparison import Entry, test_of
from pidcam.evaluation.paired import Difference, Paired, compare_scores
from pidcam.evaluation.sample import clean
from pidcam.evaluation.sections import Gaps, Warn
from pidcam.evaluation.tables import Table

Kind = Literal["repeats", "folds"]
OVER = {"repeats": "seeds", "folds": "folds"}


@dataclass(frozen=True)
class OverMembers(Difference):
    """The mean over members of the paired differences of each, and their `spread` over members.

    `error`, with `z` and `p_value`, is that of the test events, for these trainings. Folds have test events of their
    own, so that it is that of one fold over sqrt(n); seeds share theirs, and it is that of one. What trainings add is
    seen in the `spread`: without it, that of folds is as large as the error of one fold, that of seeds smaller.
    """

    spread: SeedSpread


@dataclass(frozen=True)
class GroupRow:
    """A group: its AUC and accuracy over its members and, but for the reference, paired with the reference.

    `auc` and `accuracy` are `other` minus `reference`, None where they cannot be told; `members` has every pair.
    """

    name: str
    alone: dict[str, SeedSpread]
    auc: OverMembers | None
    accuracy: OverMembers | None
    members: tuple[Paired, ...]


@dataclass(frozen=True)
class GroupComparison:
    """Rows in the order given, the first being the reference; `members` are the names of seeds or folds in it."""

    reference: str
    kind: Kind
    members: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    warnings: dict[str, list[str]]

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = analysis.plain(self)
        return content


def compare_groups(kind: Kind, groups: Mapping[str, Sequence[Entry]]) -> GroupComparison:
    """Hold each group against the first, seed by seed or fold by fold, on the test events of each.

    Scores of different trainings are never ranked among each other: an AUC is one training's, and the mean is over
    them. Raises `MismatchError` for another number of members, other classes or other test events, `InputError` for
    fewer than two groups, a member without test split, or a task without classes.
    """
    if len(groups) < 2:
        raise InputError("a comparison needs two groups or more", fix="pidcam compare GROUP GROUP ...")
    gaps = Gaps()
    (reference, base), *_ = groups.items()
    rows = []
    for name, entries in groups.items():
        if len(entries) != len(base):
            what = f"has {len(entries)} {OVER[kind]}, the reference {len(base)}"
            raise MismatchError(what, where=name, fix="compare groups of the same number")
        warn = gaps.warn(name)
        if note := next((entry.note for entry in entries if entry.note), ""):
            warn(note)
        alone = _alone(kind, entries)
        if name == reference:
            rows.append(GroupRow(name, alone, None, None, ()))
            continue
        pairs = tuple(
            compare_scores(first.task, test_of(first), test_of(other), warn, where=other.name)
            for first, other in zip(base, entries, strict=True)
        )
        auc = _over(kind, "AUC", [pair.auc for pair in pairs], warn)
        accuracy = _over(kind, "accuracy", [pair.accuracy for pair in pairs], warn)
        rows.append(GroupRow(name, alone, auc, accuracy, pairs))
    names = tuple(entry.name.rpartition("/")[2] for entry in base)
    return GroupComparison(reference, kind, names, tuple(rows), dict(gaps))


def _alone(kind: Kind, entries: Sequence[Entry]) -> dict[str, SeedSpread]:
    """{`auc`, `accuracy`: over the members} of those that every member has."""
    metrics = [entry.task.metrics(clean(entry.task, test_of(entry), entry.name)[0]) for entry in entries]
    known = [key for key in ("auc", "accuracy") if all(of.get(f"{key}_error") is not None for of in metrics)]
    return {
        key: analysis.over_seeds(
            [of[key] for of in metrics], [of[f"{key}_error"] for of in metrics], shared=kind == "repeats"
        )
        for key in known
    }


def _over(
    kind: Kind, what: str, differences: Sequence[AucComparison | Difference | None], warn: Warn
) -> OverMembers | None:
    """The mean of all; None, and why, where a member's cannot be told."""
    known = [each for each in differences if each is not None and np.isfinite(each.error)]
    if len(known) < len(differences):
        warn(f"{what}: {len(differences) - len(known)} of {len(differences)} {OVER[kind]} have too few events to tell")
        return None
    shared = kind == "repeats"
    spread = analysis.over_seeds([d.difference for d in known], [d.error for d in known], shared=shared)
    error = spread.statistical if shared else spread.statistical / np.sqrt(spread.n)
    return OverMembers(spread.mean, float(error), *z_and_p(spread.mean, error), spread)


def groups_table(comparison: GroupComparison) -> Table:
    """A row per group: AUC and accuracy over its members, and how much its AUC differs from the reference's."""
    over = OVER[comparison.kind]
    rows = []
    for row in comparison.rows:
        auc, accuracy = (row.alone.get(key) for key in ("auc", "accuracy"))
        cells: list[Any] = [row.name, (auc.mean, auc.error_of_mean) if auc else None, auc.spread if auc else None]
        d = row.auc
        cells += [(d.difference, d.error), d.z, d.p_value, d.spread.spread] if d else [None] * 4
        rows.append((*cells, (accuracy.mean, accuracy.error_of_mean) if accuracy else None))
    columns = ("group", "AUC", f"spread over {over}", "difference", "z", "p", "spread of the difference", "accuracy")
    many = len(comparison.members)
    title = f"Means over {many} {over}; differences of AUC to {comparison.reference}, paired in each on its test events"
    return Table("groups", title, columns, tuple(rows))


def told(comparison: GroupComparison, row: GroupRow) -> str | None:
    """The difference of a group to the reference in a sentence; None where it is not known."""
    if row.auc is None:
        return None
    d, over = row.auc, OVER[comparison.kind]
    return (
        f"Test AUC of {row.name} minus {comparison.reference}, mean over {d.spread.n} {over}: {d.difference:+.4f} ± "
        f"{d.error:.4f} (paired DeLong on the same events, z = {d.z:+.1f}, p = {d.p_value:.2g}); spread over {over} "
        f"{d.spread.spread:.4f}, statistical error of one {d.spread.statistical:.4f}"
    )
