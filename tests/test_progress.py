"""Progress goes to stderr: lines now and then where it is piped, one line that is written over in a notebook."""

from __future__ import annotations

import sys
import types

import pytest

from pidcam.progress import Progress, _OneLine, progress


def test_piped_progress_is_a_line_with_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "every", 0.0)
    with progress("reading", 4) as bar:
        bar.advance(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "reading: 50 %, 0:00:00 left\n"


def test_in_a_notebook_one_line_is_written_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_OneLine, "every", 0.0)
    shell = types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace(kernel="of a notebook"))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    with progress("reading", 4) as bar:
        bar.note("a long remark")
        bar.note("short")
    err = capsys.readouterr().err
    assert err == "\rreading: a long remark\rreading: short        \n"


def test_fast_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 4) as bar:
        bar.advance(4)
    assert capsys.readouterr().err == ""
