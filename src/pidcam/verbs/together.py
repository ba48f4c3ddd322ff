"""What evaluated runs show together on one page: sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matplotlib.figure import Figure

from pidcam import reports
from pidcam.errors import InputError
from pidcam.evaluation.groups import told
from pidcam.evaluation.tables import Table, cell_text
from pidcam.files import read_json
from pidcam.progress import say
from pidcam.reports.page import TableView
from pidcam.training.group import Group, is_group, load_group
from pidcam.verbs.compare import compare, compare_groups, comparison_tables
from pidcam.verbs.repeat import spread_table

_IN_SUMMARY = ("accuracy", "fit time [s]", "parameters")
"""Columns of a comparison that the page has in the table of its summary already."""


@dataclass(frozen=True)
class Together:
    """What the runs show together: sentences, tables and figures."""

    sentences: list[str]
    tables: list[TableView] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)


def compare_all(paths: Sequence[Path], reference: str | None) -> Together:
    """Runs against the reference, and groups against groups where the runs are all of their members.

    `reference` is the name or path of a run, or the path of a group. Folds have no test events in common and are
    compared as groups alone. What cannot be compared is told in a sentence.
    """
    groups = _groups(paths)
    try:
        found = [_of_groups(groups, reference)] if groups else []
        if not groups or groups[0].kind == "repeats":
            whole = next((group for group in groups if str(group.path) == reference), None)
            found.append(_of_runs(paths, str(whole.members[0]) if whole else reference))
    except InputError as error:
        say(f"no comparison: {error}")
        return Together([f"Not compared: {error}"])
    return Together(
        [sentence for each in found for sentence in each.sentences],
        [table for each in found for table in each.tables],
        {name: figure for each in found for name, figure in each.figures.items()},
    )


def _groups(paths: Sequence[Path]) -> list[Group]:
    """The groups of which the runs are the members, every one of them; empty if any is missing or stands alone."""
    parents = list(dict.fromkeys(path.parent for path in paths))
    if not all(map(is_group, parents)):
        return []
    groups = [load_group(parent) for parent in parents]
    return groups if {member for group in groups for member in group.members} == set(paths) else []


def _of_groups(groups: Sequence[Group], reference: str | None) -> Together:
    """Mean and spread of each, and the paired differences of several."""
    several = []
    sentences: list[str] = []
    if len(groups) > 1:
        named = reference if reference in {str(group.path) for group in groups} else None
        result = compare_groups([group.path for group in groups], reference=named)
        sentences = [line for row in result.rows if (line := told(result, row))]
        several = comparison_tables(result)
    for group in groups:
        if (metrics := group.path / "metrics.json").exists():  # of members that were evaluated one by one there is none
            spread = spread_table(read_json(metrics))
            several.append(replace(spread, title=f"{group.path.name}, {spread.title}"))
    return Together(sentences, [table_view(table) for table in several])


def _of_runs(paths: Sequence[Path], reference: str | None) -> Together:
    """A sentence for each run against the reference and for each group that differs in the seed alone."""
    result = compare(paths, reference=reference)
    sentences = []
    for row in result.rows:
        if row.paired and (c := row.paired.auc):
            sentences.append(
                f"Test AUC of {row.name} minus {result.reference}: {c.difference:+.4f} ± {c.error:.4f} "
                f"(paired DeLong on the same events, z = {c.z:+.1f}, p = {c.p_value:.2g})"
            )
    for group in result.seeds:
        if auc := group.auc:
            sentences.append(
                f"{', '.join(group.runs)} differ in the seed alone: mean test AUC {auc.mean:.4f} ± "
                f"{auc.error_of_mean:.4f}, spread over seeds {auc.spread:.4f}, statistical error {auc.statistical:.4f}"
            )
    figures = {"learning_curve": reports.learning_curve(result.as_json()["sizes"])} if result.sizes else {}
    first, *more = comparison_tables(result)
    return Together(sentences, [table_view(table) for table in (_without(first, _IN_SUMMARY), *more)], figures)


def _without(table: Table, names: Sequence[str]) -> Table:
    """The table without the columns of these names."""
    kept = [i for i, name in enumerate(table.columns) if name not in names]
    columns, *rows = (tuple(row[i] for i in kept) for row in (table.columns, *table.rows))
    return replace(table, columns=columns, rows=tuple(rows))


def table_view(table: Table) -> TableView:
    """The numbers as they are printed everywhere: rounded by their errors."""
    numbers = [not any(isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    return TableView(table.title, table.columns, [list(map(cell_text, row)) for row in table.rows], numbers)
