"""Lines of Rich text in columns: wrapped, indented, aligned. Markup is never parsed.

Every text is cleaned before it becomes Rich text, so that nothing from a model, a file or a user can colour,
move or forge a line.
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
from keras_consistency_cli.reporting.parts.number_format import escape, one_line, to_ascii

__all__ = [
    "LABEL_WIDTH",
    "align",
    "code_lines",
    "command_lines",
    "draw",
    "flow",
    "labelled_lines",
    "shorten",
    "styled_text",
    "wrap",
]

LABEL_WIDTH = 12
_DETAIL_INDENT = 2
_NARROWEST_TEXT = 10
_SHELL_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")


def styled_text(
    canvas: Canvas, text: object, style: str = "", *, limit: int = 600, code: bool = False
) -> Text:
    """Return a cleaned text as Rich text in one of our styles; `code` keeps every space."""
    line = escape(text, limit) if code else one_line(text, limit)
    return Text(to_ascii(line) if canvas.ascii_only else line, style=style)


def wrap(canvas: Canvas, text: Text, *, indent: int = 0, first: Text | None = None) -> list[Text]:
    """Break a text into indented lines; `first` stands in the indent of the first line."""
    lines = text.wrap(_PLAIN_CONSOLE, max(canvas.width - indent, _NARROWEST_TEXT))
    margins = [first or Text()] + [Text()] * max(len(lines) - 1, 0)
    indented = [
        Text.assemble(margin, " " * (indent - margin.cell_len), line)
        for margin, line in zip(margins, lines, strict=True)
    ]
    for line in indented:
        line.rstrip()
    return indented


def labelled_lines(canvas: Canvas, label: str, text: Text) -> list[Text]:
    """Return "  label       text", the text wrapped in its own column."""
    margin = Text.assemble(" " * _DETAIL_INDENT, (label, "dim"))
    return wrap(canvas, text, indent=_DETAIL_INDENT + LABEL_WIDTH, first=margin)


def command_lines(canvas: Canvas, command: str, first: Text) -> list[Text]:
    """Return a shell command after `first`, on several lines that can be pasted.

    Lines break between words only, and end with a backslash.
    """
    shown = styled_text(canvas, command, limit=2000, code=True).plain
    words, indent = _SHELL_WORD.findall(shown), first.cell_len
    if " ".join(words) != shown:
        return [Text.assemble(first, shown)]
    lines, room = [""], canvas.width - indent - len(" \\")
    for part in _options_with_values(words, room):
        if lines[-1] and cell_len(f"{lines[-1]} {part}") > room:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]} {part}".lstrip()
    ends = [" \\"] * (len(lines) - 1) + [""]
    margins = [first] + [Text(" " * indent)] * (len(lines) - 1)
    return [Text.assemble(margin, line + end) for margin, line, end in zip(margins, lines, ends, strict=True)]


def _options_with_values(words: Sequence[str], room: int) -> list[str]:
    """Join each option and its value if both fit on one line."""
    parts: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        is_value = before.startswith("-") and not word.startswith("-")
        if is_value and cell_len(f"{before} {word}") <= room:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def code_lines(canvas: Canvas, label: str, advice: str) -> list[Text]:
    """Return advice after its label; indented lines are code and are never broken."""
    lines: list[Text] = []
    for line in advice.expandtabs(4).strip("\n").splitlines():
        code = line.lstrip(" ")
        depth = _DETAIL_INDENT + LABEL_WIDTH + len(line) - len(code)
        margin = Text.assemble(" " * _DETAIL_INDENT, ("" if lines else label, "dim"))
        if code != line:
            space = " " * (depth - margin.cell_len)
            lines.append(Text.assemble(margin, space, styled_text(canvas, code, code=True)))
        else:
            lines += wrap(canvas, styled_text(canvas, line), indent=depth, first=margin) if line else [Text()]
    return lines


def flow(canvas: Canvas, items: Iterable[Text]) -> list[Text]:
    """Put items on lines, with a dot between two items; lines break between items if possible."""
    dot = Text(" | " if canvas.ascii_only else " · ", style="dim")
    lines: list[Text] = []
    for item in items:
        if lines and lines[-1].cell_len + dot.cell_len + item.cell_len <= canvas.width:
            lines[-1] = Text.assemble(lines[-1], dot, item)
        else:
            lines.append(item)
    return [piece for line in lines for piece in wrap(canvas, line)]


def align(cells: Sequence[Text], widths: Sequence[int], left: int, gap: int) -> Text:
    """Return a line of a table: the first `left` cells are flush left, the others right."""
    pieces = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell.cell_len)
        pieces.append(Text.assemble(cell, space) if place < left else Text.assemble(space, cell))
    line = Text(" " * gap).join(pieces)
    line.rstrip()
    return line


def shorten(canvas: Canvas, text: Text, width: int) -> Text:
    """Cut a text to a width, with an ellipsis at its end if it was longer."""
    if text.cell_len <= width:
        return text
    mark = "..." if canvas.ascii_only else "…"
    return Text(set_cell_size(text.plain, max(width - len(mark), 0)).rstrip() + mark, style=text.style)


def draw(canvas: Canvas, lines: Iterable[Text]) -> str:
    """Return the lines as text for a terminal, a file or a pipe."""
    stream = io.StringIO()
    console = _console(canvas, stream)
    for line in lines:
        console.print(_without_log_command(line), soft_wrap=True)
    return stream.getvalue()


def _console(canvas: Canvas, file: TextIO) -> Console:
    """A console that depends on the canvas only, not on the environment or a terminal."""
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
"""Rich needs a console to wrap; nothing in it depends on the canvas."""


def _without_log_command(line: Text) -> Text:
    """Escape a line that begins with two colons: for a GitHub log, that is a command."""
    bare = line.plain.lstrip()
    if not bare.startswith("::"):
        return line
    return Text(" " * (cell_len(line.plain) - cell_len(bare)) + "\\x3a" + bare[1:])
