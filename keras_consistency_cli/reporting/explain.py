"""The pages of checks and causes for `kcheck explain` and for the documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from keras_consistency_cli.checks.base import Check
from keras_consistency_cli.checks.code.registry import RULES
from keras_consistency_cli.checks.code.rule import Rule
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.diagnosis.base import Cause, RefusalCause
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from keras_consistency_cli.routes.registry import LOCATING_ROUTES

__all__ = ["HEADINGS", "Page", "all_pages", "cause_page", "check_page", "refusal_page", "rule_page"]

HEADINGS = ("Why", "How", "To fix", "Sources")
_WIDTH = 100
_REFUSED = (
    "kcheck then refuses the file and runs no check. The report says what was found, and how to fix it."
)
_HEADING = re.compile(r"^(Why|How|Sources|To fix\b[^:\n]*): ?")
_ISSUE = re.compile(r"\b(keras|tf-keras|tensorflow|scikit-learn)#(\d+)\b")
_BETWEEN_SOURCES = re.compile(r"[,;]\s(?=\S+#|http)")
_LINK = re.compile(r"(?<![(<])https?://[^\s,)]+[^\s,).]")
_REPOSITORIES = {
    "keras": "keras-team/keras",
    "tf-keras": "keras-team/tf-keras",
    "tensorflow": "tensorflow/tensorflow",
    "scikit-learn": "scikit-learn/scikit-learn",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: `folder` and `name` are its path in the documentation.

    `sections` are its paragraphs by heading, "" for those before the first; indented lines are code.
    `related` are the paths of other pages by the text of a link to them.
    """

    folder: str
    name: str
    title: str
    sections: Mapping[str, str]
    related: Mapping[str, str]

    def text(self, width: int = _WIDTH) -> str:
        """Return the page for a terminal of this width; lines of code are never broken."""
        parts = [f"{heading}: {body}" if heading else body for heading, body in self.sections.items()]
        blocks = "\n\n".join([self.title, *parts]).split("\n\n")
        filled = (block if block.startswith(" ") else _filled(block, width) for block in blocks)
        return "\n\n".join(filled) + "\n"

    def markdown(self) -> str:
        """Return the page as Markdown, with links to its sources and to related pages."""
        parts = [f"# {self.title}"]
        for heading, body in self.sections.items():
            parts.append((f"## {heading}\n\n" if heading else "") + _with_links(_with_fences(body)))
        links = [f"- [{text}](../{path}.md)" for text, path in self.related.items()]
        if links:
            parts.append("## See also\n\n" + "\n".join(links))
        return "\n\n".join(parts) + "\n"


def all_pages() -> tuple[Page, ...]:
    """Return the pages of all checks, causes and rules."""
    causes = (*map(cause_page, CAUSES.values()), *map(refusal_page, REFUSAL_CAUSES.values()))
    return (*map(check_page, CHECKS), *causes, *map(rule_page, RULES))


def check_page(check: Check) -> Page:
    """Return the page of a check: the docstring of its module, and links to its causes."""
    causes = {cause.slug: f"causes/{cause.slug}" for cause in CAUSES.values() if check.code in cause.explains}
    return Page(
        folder="checks",
        name=check.code,
        title=f"{check.code} {check.name}: {check.title}",
        sections=_sections(check.explanation),
        related=causes,
    )


def rule_page(rule: Rule) -> Page:
    """Return the page of a rule of `kcheck code`: the docstring of its function, and links to its causes."""
    return Page(
        folder="code",
        name=rule.code,
        title=f"{rule.code} {rule.name}: {rule.question}",
        sections=_sections(rule.page),
        related={cause: f"causes/{cause}" for cause in rule.causes},
    )


def cause_page(cause: Cause) -> Page:
    """Return the page of a cause: why it happens, how it is found, how to fix it, and sources."""
    by_code = {check.code: check for check in CHECKS}
    lists = [_sections(by_code[code].explanation)["Sources"].rstrip(".") for code in cause.key]
    sources = dict.fromkeys(source for each in lists for source in _BETWEEN_SOURCES.split(each))
    return Page(
        folder="causes",
        name=cause.slug,
        title=f"{cause.slug}: {cause.sentence.format(layer='a layer')}",
        sections={
            "Why": _filled(cause.explanation),
            "How": _filled(_detection(cause, by_code)),
            "To fix": _advice(cause.advice),
            "Sources": _filled(", ".join(sources) + "."),
        },
        related={f"{code} {by_code[code].name}": f"checks/{code}" for code in cause.explains},
    )


def refusal_page(cause: RefusalCause) -> Page:
    """Return the page of a cause that prevents all checks."""
    return Page(
        folder="causes",
        name=cause.slug,
        title=f"{cause.slug}: {cause.sentence}",
        sections={
            "Why": _filled(cause.explanation),
            "How": _filled(f"{cause.detection} {_REFUSED}"),
            "To fix": _advice(cause.advice),
            "Sources": f"{cause.source}.",
        },
        related={},
    )


def _sections(explanation: str) -> dict[str, str]:
    """The paragraphs by heading; one without a heading belongs to the one before."""
    sections: dict[str, str] = {}
    heading = ""
    for paragraph in explanation.strip().split("\n\n"):
        match = _HEADING.match(paragraph)
        heading, rest = (match[1], paragraph[match.end() :]) if match else (heading, paragraph)
        sections[heading] = f"{sections[heading]}\n\n{rest}" if heading in sections else rest
    return sections


def _detection(cause: Cause, by_code: Mapping[str, Check]) -> str:
    """Which checks show the cause, and how its layer is found."""
    key = " or ".join(f"{code} {by_code[code].name}" for code in cause.key)
    others = [code for code in cause.explains if code not in cause.key]
    sentences = [f"{key} fails or warns, and the evidence has the signature of this cause."]
    if others:
        sentences.append(f"It also explains failures of {', '.join(others)}.")
    summary = next((route.summary for route in LOCATING_ROUTES if route.name == cause.locator), None)
    if summary:
        sentences.append(f"One more run searches for {summary}.")
    return " ".join(sentences)


def _advice(advice: str) -> str:
    """The advice of reports, without a specific layer; code stands in blocks of its own."""
    place = "the layer at fault"
    lines = advice.replace("'{layer}'", place).format(layer=place).splitlines()
    blocks: list[list[str]] = []
    for line in lines:
        if not blocks or line.startswith(" ") != blocks[-1][0].startswith(" "):
            blocks.append([])
        blocks[-1].append(line)
    return "\n\n".join(
        "\n".join(block) if block[0].startswith(" ") else _filled(" ".join(block)) for block in blocks
    )


def _filled(text: str, width: int = _WIDTH) -> str:
    return textwrap.fill(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


def _with_fences(body: str) -> str:
    """Put paragraphs that are indented by four into fences that name the language."""
    blocks = body.split("\n\n")
    return "\n\n".join(
        f"```python\n{textwrap.dedent(block)}\n```" if block.startswith("    ") else block for block in blocks
    )


def _with_links(body: str) -> str:
    """Turn issues (keras#270) and addresses outside code into links."""
    parts = re.split(r"(```.*?```|`[^`\n]*`)", body, flags=re.DOTALL)
    return "".join(
        part if part.startswith("`") else _ISSUE.sub(_issue_link, _LINK.sub(r"<\g<0>>", part))
        for part in parts
    )


def _issue_link(match: re.Match[str]) -> str:
    return f"[{match[0]}](https://github.com/{_REPOSITORIES[match[1]]}/issues/{match[2]})"
