"""The code blocks of the documentation, as the tests run them.

`bash` and `python` blocks are run, in order, in one folder per page that has `examples/data` (cut to a few events).
A trailing `# exit code 2` says how a command ends; lines `pidcam: ...` in a `text` block must have been printed.
A block whose fence says `file=NAME` is written to that file. `console` blocks are for what a test cannot do (install,
download): only whether pidcam has such a command is checked.

In the front matter of a page, `begins_with: store run` asks for `stores/egamma` and the evaluated `runs/egamma-resnet`,
and `own_process: true` for a fresh interpreter, where a page registers things of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(?P<language>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    file: str | None
    text: str
    line: int

    @property
    def commands(self) -> list[tuple[str, int]]:
        """Shell commands with their expected exit codes; continued lines are joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        found = []
        for line in filter(None, map(str.strip, lines)):
            code = re.search(r"# exit code (\d+)$", line)
            found.append((line.partition("  #")[0], int(code[1]) if code else 0))
        return found


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(DOCS.parent).with_suffix("").as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def settings(self) -> dict[str, str | bool]:
        """The front matter."""
        found = re.match(r"---\n(.*?)^---\n", self.text, re.MULTILINE | re.DOTALL)
        return yaml.safe_load(found[1]) if found else {}

    @property
    def begins_with(self) -> list[str]:
        return str(self.settings.get("begins_with", "")).split()

    @cached_property
    def blocks(self) -> list[Block]:
        matches = _FENCE.finditer(self.text)
        return [Block(m["language"], m["file"], m["text"], self.text.count("\n", 0, m.start()) + 1) for m in matches]

    def has(self, *languages: str) -> bool:
        return any(block.language in languages for block in self.blocks)


PAGES = [Page(path) for path in sorted(DOCS.rglob("*.md"))]
README = Page(DOCS.parent / "README.md")
