"""Draw what a terminal shows as an SVG that needs nothing from elsewhere: no font is fetched, and no host is
named.
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

__all__ = ["COLUMNS", "drawn", "read"]

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
"""Every colour has at least 4.5 times the contrast of its background, but for black, which no report uses."""

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


def drawn(text: str, *, name: str, title: str) -> str:
    """Return an SVG of a terminal window with this text in it.

    Args:
        text: what was printed, with its ANSI sequences.
        name: what its styles are called after, so that several pictures may stand in one page.
        title: for the bar of the window.
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
    # What ends a line is no text of the picture, and nothing sticks out that would have to be clipped.
    svg = re.sub(r"<text[^>]*>\n</text>| clip-path=\"[^\"]*\"", "", svg)
    # One element a line, so that a change of the picture shows where it is.
    return re.sub(r"</text>(?=<text)", "</text>\n", svg)


def read(svg: str) -> list[str]:
    """Return the lines that stand in a picture, from its top; empty ones are left out."""
    lines: dict[float, str] = {}
    for text in ElementTree.fromstring(svg).iterfind(".//{*}g/{*}g/{*}text"):  # noqa: S314 - drawn here
        row, column = float(text.attrib["y"]), round(float(text.attrib["x"]) / _CELL)
        lines[row] = lines.get(row, "").ljust(column) + (text.text or "").replace("\u00a0", " ")
    return [line.rstrip() for _, line in sorted(lines.items())]
