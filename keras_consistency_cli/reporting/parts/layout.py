"""Lines of Rich text laid out by hand: wrapped, indented, in columns. Markup is never parsed.

Every text is cleaned before it becomes Rich text, so that nothing from a model, a file or a user can colour, move or forge a line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.number_format import one_line, plain, spelled

__all__ = [
    "LABEL_WIDTH",
    "aligned",
    "code_lines",
    "draw",
    "flowed",
    "labelled",
    "pasted",
    "shortened",
    "wrapped",
    "written",
]

LABEL_WIDTH = 12
_DETAIL_INDENT = 2
_NARROWEST_TEXT = 10
_SHELL_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")


def written(canvas: Canvas, words: object, style: str = "", *, limit: int = 600, code: bool = False) -> Text:
    """Return cleaned words as Rich text in a style of ours; `code` keeps every space."""
    line = spelled(words, limit) if code else one_line(words, limit)
    return Text(plain(line) if canvas.ascii_only else line, style=style)


def wrapped(canvas: Canvas, text: Text, *, indent: int = 0, first: Text | None = None) -> list[Text]:
    """Break a text into lines after `indent` columns; `first`, where given, stands in the indent of the first line."""
    lines = text.wrap(_PLAIN_CONSOLE, max(canvas.width - indent, _NARROWEST_TEXT))
    margins = [first or Text()] + [Text()] * max(len(lines) - 1, 0)
    found = [
        _joined(margin, " " * (indent - margin.cell_len), line)
        for margin, line in zip(margins, lines, strict=True)
    ]
    for line in found:
        line.rstrip()
    return found


def labelled(canvas: Canvas, label: str, text: Text) -> list[Text]:
    """Return "  label       text", the text wrapped beside its label."""
    margin = _joined(Text(" " * _DETAIL_INDENT), Text(label, style="dim"))
    return wrapped(canvas, text, indent=_DETAIL_INDENT + LABEL_WIDTH, first=margin)


def pasted(canvas: Canvas, command: str, first: Text) -> list[Text]:
    """Return a shell command after `first`, broken between words only and with a backslash where it goes on, so that it can be pasted."""
    shown = written(canvas, command, limit=2000, code=True).plain
    words, indent = _SHELL_WORD.findall(shown), first.cell_len
    if " ".join(words) != shown:
        return [_joined(first, Text(shown))]
    lines, room = [""], canvas.width - indent - len(" \\")
    for part in _with_values(words, room):
        if lines[-1] and cell_len(f"{lines[-1]} {part}") > room:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}".lstrip()
    ends = [" \\"] * (len(lines) - 1) + [""]
    return [
        _joined(first if not at else Text(" " * indent), Text(line + end))
        for at, (line, end) in enumerate(zip(lines, ends, strict=True))
    ]


def _with_values(words: Sequence[str], room: int) -> list[str]:
    """Put each option and its value together where one line holds both."""
    parts: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if before.startswith("-") and not word.startswith("-") and cell_len(f"{before} {word}") <= room:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def code_lines(canvas: Canvas, label: str, advice: str) -> list[Text]:
    """Return advice beside its label, line by line: indented lines are code and are not broken, so that they can be pasted."""
    found: list[Text] = []
    for line in advice.expandtabs(4).strip("\n").splitlines():
        name, code = ("" if found else label), line.lstrip(" ")
        depth = _DETAIL_INDENT + LABEL_WIDTH + len(line) - len(code)
        margin = Text.assemble(" " * _DETAIL_INDENT, (name, "dim"))
        if code == line:
            found += wrapped(canvas, written(canvas, line), indent=depth, first=margin) if line else [Text()]
        else:
            found.append(_joined(margin, " " * (depth - margin.cell_len), written(canvas, code, code=True)))
    return found


def flowed(canvas: Canvas, items: Iterable[Text]) -> list[Text]:
    """Set items one after another, a dot between them, and break lines between items only where it can be helped."""
    dot = Text(" | " if canvas.ascii_only else " · ", style="dim")
    lines: list[Text] = []
    for item in items:
        if lines and lines[-1].cell_len + dot.cell_len + item.cell_len <= canvas.width:
            lines[-1] = _joined(lines[-1], dot, item)
        else:
            lines.append(item)
    return [piece for line in lines for piece in wrapped(canvas, line)]


def aligned(cells: Sequence[Text], widths: Sequence[int], left: int, gap: int) -> Text:
    """Return one table line: the first `left` cells flush left, the others flush right."""
    pieces = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell.cell_len)
        pieces.append(_joined(cell, space) if at < left else _joined(space, cell))
    line = Text(" " * gap).join(pieces)
    line.rstrip()
    return line


def shortened(canvas: Canvas, text: Text, width: int) -> Text:
    """Cut a text to a width, an ellipsis at its end where something was cut."""
    if text.cell_len <= width:
        return text
    mark = "..." if canvas.ascii_only else "…"
    return Text(set_cell_size(text.plain, max(width - len(mark), 0)).rstrip() + mark, style=text.style)


def draw(canvas: Canvas, lines: Iterable[Text]) -> str:
    """Return the lines as they go to a terminal, a file or a pipe."""
    drawn = io.StringIO()
    console = _console(canvas, drawn)
    for line in lines:
        console.print(_harmless(line), soft_wrap=True)
    return drawn.getvalue()


def _console(canvas: Canvas, file: TextIO) -> Console:
    """A console that knows nothing but the canvas: no environment variable and no real terminal has a say."""
    return Console(
        file=file,
        width=canvas.width,
        force_terminal=canvas.color,
        color_system="standard" if canvas.color else None,
        no_color=not canvas.color,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )


_PLAIN_CONSOLE = _console(Canvas(), io.StringIO())
"""Wrapping wants a console, and asks it nothing that depends on the canvas."""


def _joined(*pieces: str | Text) -> Text:
    return Text.assemble(*pieces)


def _harmless(line: Text) -> Text:
    """A line that begins with two colons is a command to a GitHub log, wherever wrapping has put them."""
    bare = line.plain.lstrip()
    return (
        Text(" " * (cell_len(line.plain) - cell_len(bare)) + "\\x3a" + bare[1:])
        if bare.startswith("::")
        else line
    )
