"""What every benchmark that needs a folder for its files does with it, and with its result."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def print_study(parser: argparse.ArgumentParser, study: Callable[[argparse.Namespace, Path], dict[str, Any]]) -> None:
    """Parse the command line and print `study(options, folder)` as one line of JSON.

    The folder is that of `--work`, which stays, or a temporary one.
    """
    parser.add_argument("--work", type=Path, help="folder for files (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        print(json.dumps(study(options, work)))
