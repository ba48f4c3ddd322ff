"""Sphinx settings. Sphinx with MyST, because mkdocs-material is in maintenance mode."""

from __future__ import annotations

import sys
from pathlib import Path

import pidcam

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pidcam"
author = "The pidcam developers"
release = version = pidcam.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "live"]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = "pidcam"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["pidcam.css"]
pygments_dark_style = "github-dark"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# fences that are examples to copy; `bash` and `python` ones are run by tests/docs
highlight_language = "text"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# names of other packages are shown as code, without links: the pages build offline
nitpicky = False
# docstrings mark code with single backticks
default_role = "code"
