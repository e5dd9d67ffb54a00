"""Draw the output of a terminal as an SVG, and read the text of such a picture.

The SVG is self-contained: it loads no font and names no host.
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

__all__ = ["COLUMNS", "draw_terminal", "read_lines"]

COLUMNS = 80
_CELL = 12.2
"""Width of a character, in units of the picture."""

_THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (177, 186, 196),
    ],
)
"""Every colour except black, which no report uses, has a contrast of at least 4.5 to the background."""

_FONTS = (
    "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', "
    "monospace"
)

_FORMAT = f"""\
<svg viewBox="0 0 {{width}} {{height}}" role="img" xmlns="http://www.w3.org/2000/svg">
<style>
.{{unique_id}}-matrix {{{{ font: {{char_height}}px {_FONTS}; white-space: pre }}}}
.{{unique_id}}-title {{{{ font: 16px system-ui, sans-serif }}}}
{{styles}}
</style>
{{chrome}}
<g transform="translate({{terminal_x}}, {{terminal_y}})">
{{backgrounds}}
<g class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""


def draw_terminal(text: str, *, name: str, title: str) -> str:
    """Return an SVG of a terminal window that shows this text.

    Args:
        text: the printed text, with ANSI sequences.
        name: the prefix of its style names, so that one page can contain several pictures.
        title: the title of the window.
    """
    lines = text.splitlines()
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=False, overflow="fold", highlight=False)
    svg = console.export_svg(title=title, theme=_THEME, code_format=_FORMAT, unique_id=name)
    # Line ends are not part of the picture, and no text is long enough to need clipping.
    svg = re.sub(r"<text[^>]*>\n</text>| clip-path=\"[^\"]*\"", "", svg)
    # One element in each line, so that a diff shows the part that changed.
    return re.sub(r"</text>(?=<text)", "</text>\n", svg)


def read_lines(svg: str) -> list[str]:
    """Return the lines of text in a picture from top to bottom, without empty lines."""
    lines: dict[float, str] = {}
    for text in ElementTree.fromstring(svg).iterfind(".//{*}g/{*}g/{*}text"):  # noqa: S314 - drawn here
        row, column = float(text.attrib["y"]), round(float(text.attrib["x"]) / _CELL)
        lines[row] = lines.get(row, "").ljust(column) + (text.text or "").replace("\u00a0", " ")
    return [line.rstrip() for _, line in sorted(lines.items())]
