"""Tables as LaTeX and CSV."""

import csv
import io
import math

import pytest
from toys import THREE, judged, task

from pidcam.analysis import plain
from pidcam.errors import ConfigError
from pidcam.evaluation.against import against
from pidcam.evaluation.sections import Gaps, make_sections
from pidcam.evaluation.summary import metrics_tables
from pidcam.evaluation.tables import Table, escape_tex, rounded, table_text

TABLE = Table(
    "t",
    "Two runs",
    ("run", "AUC", "p", "n"),
    (("a_b & c", (0.81042, 0.00213), 0.5, 12345), ("d", (0.9, None), math.inf, None)),
)


def test_latex():
    assert table_text(TABLE, "tex") == (
        "% Two runs\n"
        "\\begin{tabular}{lrrr}\n"
        "\\toprule\n"
        "run & AUC & p & n \\\\\n"
        "\\midrule\n"
        "a\\_b \\& c & $0.8104 \\pm 0.0021$ & $0.5000$ & 12\\,345 \\\\\n"
        "d & $0.9000$ & $\\infty$ & -- \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
    )


def test_csv_keeps_every_digit_and_reads_back():
    text = table_text(TABLE, "csv")
    assert text == "run,AUC,AUC error,p,n\na_b & c,0.81042,0.00213,0.5,12345\nd,0.9,,inf,\n"
    rows = list(csv.DictReader(io.StringIO(text)))
    assert float(rows[0]["AUC error"]) == 0.00213


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.81042, 0.00213, ("0.8104", "0.0021")),
        (12.3456, 1.2345, ("12.3", "1.2")),
        (1234.5, 260.0, ("1230", "260")),
        (0.5, 0.0999, ("0.50", "0.10")),
        (0.81042, 0.0, ("0.8104", None)),
        (0.81042, math.nan, ("0.8104", None)),
        (7, None, ("7", None)),
        (0.0, None, ("0", None)),
        (49.3607, None, ("49.36", None)),
    ],
)
def test_rounding_by_the_error(value, error, text):
    assert rounded(value, error) == text


def test_special_characters():
    assert escape_tex("50 % & $x_1$ #~^\\{}±") == (
        "50 \\% \\& \\$x\\_1\\$ \\#\\textasciitilde{}\\textasciicircum{}\\textbackslash{}\\{\\}$\\pm$"
    )


def test_another_format_is_one_line():
    with pytest.raises(ConfigError) as error:
        table_text(TABLE, "html")
    assert str(error.value) == "--table: 'html' is no table format; known: tex, csv"


@pytest.mark.parametrize("classes", [("photon", "electron"), THREE])
def test_every_table_of_an_evaluation(classes, heard):
    of = judged(classes)
    metrics = {split: task(classes).metrics(table) for split, table in of.splits.items()}
    metrics |= make_sections(of.task.sections, of, Gaps())
    metrics["by"] = {"energy": plain(against(of, "energy", heard, edges=[10, 11, 100], unit="GeV"))}
    tables = {table.name: table for table in metrics_tables(metrics)}
    expected = {"results", "working_points", "cuts", "purity", "by_energy"}
    expected |= {"species", "areas"} if len(classes) > 2 else set()
    assert tables.keys() == expected
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.columns)}
        for form in ("tex", "csv"):
            assert table_text(table, form).count("\n") >= len(table.rows)
    assert tables["results"].columns == ("split", "events", "loss", "accuracy", "AUC")
    assert tables["results"].rows[2][4] == (metrics["test"]["auc"], metrics["test"]["auc_error"])
    assert len(tables["working_points"].rows) == 6 * (1 if len(classes) == 2 else 3)
    assert tables["by_energy"].columns[:3] == ("signal", "energy from [GeV]", "to [GeV]")
