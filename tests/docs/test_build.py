"""The documentation builds without a single warning: every link, every name in the API, every generated table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pages import DOCS, PAGES


def test_documentation_builds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        assert (tmp_path / page.path.relative_to(DOCS).with_suffix(".html")).exists()
