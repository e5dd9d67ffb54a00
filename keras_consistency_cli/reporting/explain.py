"""Pages: what `kcheck explain` prints of a check or a cause, and what the documentation says of it, made of one text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.diagnosis.base import Cause
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.routes.registry import LOCATING_ROUTES

__all__ = ["HEADINGS", "Page", "cause_page", "check_page", "pages"]

HEADINGS = ("Why", "How", "To fix", "Sources")
_WIDTH = 100
_HEADING = re.compile(r"^(Why|How|Sources|To fix\b[^:\n]*): ?")
_ISSUE = re.compile(r"\b(keras|tf-keras|tensorflow|scikit-learn)#(\d+)\b")
_APART = re.compile(r"[,;]\s(?=\S+#|http)")
_LINK = re.compile(r"(?<![(<])https?://[^\s,)]+[^\s,).]")
_OWNERS = {
    "keras": "keras-team/keras",
    "tf-keras": "keras-team/tf-keras",
    "tensorflow": "tensorflow/tensorflow",
} | {"scikit-learn": "scikit-learn/scikit-learn"}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: `folder` and `name` are where it lies in the documentation, `sections` its paragraphs by heading, "" before the first.

    Lines that are indented are code; `related` are names of other pages by what a link to them says.
    """

    folder: str
    name: str
    title: str
    sections: Mapping[str, str]
    related: Mapping[str, str]

    def text(self, width: int = _WIDTH) -> str:
        """Return the page as a terminal of so many columns shows it; lines of code are never broken."""
        parts = [f"{heading}: {body}" if heading else body for heading, body in self.sections.items()]
        blocks = "\n\n".join([self.title, *parts]).split("\n\n")
        return (
            "\n\n".join(block if block.startswith(" ") else _filled(block, width) for block in blocks) + "\n"
        )

    def markdown(self) -> str:
        """Return the page as Markdown, with links to the sources and the pages that belong to it."""
        parts = [f"# {self.title}"]
        for heading, body in self.sections.items():
            parts.append((f"## {heading}\n\n" if heading else "") + _linked(_fenced(body)))
        links = [f"- [{words}](../{where}.md)" for words, where in self.related.items()]
        return "\n\n".join([*parts, *(["## See also\n\n" + "\n".join(links)] if links else [])]) + "\n"


def pages() -> tuple[Page, ...]:
    """Return the page of every check and of every cause."""
    return (*map(check_page, CHECKS), *map(cause_page, CAUSES.values()))


def check_page(check: Check) -> Page:
    """Return the page of a check: its module's docstring, and the causes that make it fail."""
    causes = {cause.slug: f"causes/{cause.slug}" for cause in CAUSES.values() if check.code in cause.explains}
    return Page(
        folder="checks",
        name=check.code,
        title=f"{check.code} {check.name}: {check.title}",
        sections=_sections(check),
        related=causes,
    )


def cause_page(cause: Cause) -> Page:
    """Return the page of a cause: why it happens, how it shows itself and is found, what to change, and what is known of it elsewhere."""
    by_code = {check.code: check for check in CHECKS}
    named = [_sections(by_code[code])["Sources"].rstrip(".") for code in cause.key]
    sources = dict.fromkeys(source for each in named for source in _APART.split(each))
    return Page(
        folder="causes",
        name=cause.slug,
        title=f"{cause.slug}: {cause.sentence.format(layer='a layer')}",
        sections={
            "Why": _filled(cause.explanation),
            "How": _filled(_shown_by(cause, by_code)),
            "To fix": _advice(cause),
            "Sources": _filled(", ".join(sources) + "."),
        },
        related={f"{code} {by_code[code].name}": f"checks/{code}" for code in cause.explains},
    )


def _sections(check: Check) -> dict[str, str]:
    """A docstring's paragraphs by heading; one that has none belongs to what stands before it."""
    found: dict[str, str] = {}
    heading = ""
    for paragraph in check.explanation.strip().split("\n\n"):
        begins = _HEADING.match(paragraph)
        heading, rest = (begins[1], paragraph[begins.end() :]) if begins else (heading, paragraph)
        found[heading] = f"{found[heading]}\n\n{rest}" if heading in found else rest
    return found


def _shown_by(cause: Cause, by_code: Mapping[str, Check]) -> str:
    """Which checks show it, and how its layer is looked for."""
    key = " or ".join(f"{code} {by_code[code].name}" for code in cause.key)
    others = [code for code in cause.explains if code not in cause.key]
    told = f"{key} fails or warns, with this cause's signature in the evidence."
    told += f" It also accounts for {', '.join(others)}." if others else ""
    summary = next((route.summary for route in LOCATING_ROUTES if route.name == cause.locator), None)
    return told + (f" One more run looks for {summary}." if summary else "")


def _advice(cause: Cause) -> str:
    """Advice as reports give it, for no layer in particular; code keeps its lines, apart from the words around it."""
    lines = (
        cause.advice.replace("'{layer}'", "the layer at fault")
        .format(layer="the layer at fault")
        .splitlines()
    )
    blocks: list[list[str]] = []
    for line in lines:
        if not blocks or line.startswith(" ") != blocks[-1][0].startswith(" "):
            blocks.append([])
        blocks[-1].append(line)
    return "\n\n".join(
        "\n".join(block) if block[0].startswith(" ") else _filled(" ".join(block)) for block in blocks
    )


def _filled(words: str, width: int = _WIDTH) -> str:
    return textwrap.fill(" ".join(words.split()), width, break_long_words=False, break_on_hyphens=False)


def _fenced(body: str) -> str:
    """Markdown takes a paragraph indented by four for code; only the language is lacking."""
    blocks = body.split("\n\n")
    return "\n\n".join(
        f"```python\n{textwrap.dedent(block)}\n```" if block.startswith("    ") else block for block in blocks
    )


def _linked(body: str) -> str:
    """Turn issues (keras#270) and addresses into links, outside code."""
    parts = re.split(r"(```.*?```|`[^`\n]*`)", body, flags=re.DOTALL)
    return "".join(
        part if part.startswith("`") else _ISSUE.sub(_issue, _LINK.sub(r"<\g<0>>", part)) for part in parts
    )


def _issue(found: re.Match[str]) -> str:
    return f"[{found[0]}](https://github.com/{_OWNERS[found[1]]}/issues/{found[2]})"
