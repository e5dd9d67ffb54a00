"""The pages of docs/examples, as text below each heading."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["result_of", "sections"]

_PAGES = Path(__file__).resolve().parents[2] / "docs" / "examples"
_SECTION = re.compile(r"^##+ (\S+)[^\n]*\n(.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)


def sections() -> dict[str, str]:
    """The text below every heading of the pages, by the first word of the heading."""
    texts = (page.read_text(encoding="utf-8") for page in _PAGES.glob("*.md"))
    return {heading: text for page in texts for heading, text in _SECTION.findall(page)}


def result_of(section: str) -> str:
    """The line of the result of an example; empty if there is none."""
    found = re.search(r"^Result: (.*)$", section, re.MULTILINE)
    return found[1] if found else ""
