"""Output of `kcheck inspect`: a saved model as its file describes it, for the terminal and as JSON.

Separate from the report renderers: those import every check, and this command must answer in a fraction of a
second.
"""

from __future__ import annotations

import json
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from keras_consistency_cli.errors import KcheckError
from keras_consistency_cli.loading.model_file.layer_shapes import Shape
from keras_consistency_cli.loading.model_file.layer_tree import LayerSummary, TensorSummary
from keras_consistency_cli.loading.model_file.summary import Hazard, ModelSummary
from keras_consistency_cli.text import clean, format_bytes, format_count, shape_text

__all__ = ["render_summary", "render_summary_json", "render_summary_refusal"]

_SCHEMA = "kcheck.model/1"

_WIDEST = {"class": 24, "shape": 22}
"""Columns that these two may take, less where the page is narrow; the parameters take what they need, the
name gets the rest.
"""
_NARROWEST = 8
_LABEL, _GAP = 12, 2
_BOLD, _RED, _YELLOW, _DIM = "1", "1;31", "1;33", "2"


def render_summary(summary: ModelSummary, *, width: int = 80, color: bool = False) -> str:
    """Return a summary as lines of text; kcheck's own words in it are ASCII.

    Args:
        summary: the contents of the file.
        width: columns to fill at most; longer names are cut.
        color: whether ANSI colours may be used; words say the same.
    """
    lines = [
        *_head(summary, width),
        *_labelled_lines(summary, width),
        ("", ""),
        *_table(summary.layers, width),
        ("", ""),
    ]
    for hazard in summary.hazards:
        lines += _hazard(hazard, width)
    lines += [("", "")] if summary.hazards else []
    lines += [(line, _BOLD) for line in _broken(_ending(summary), width)]
    return "".join(f"{_styled(_harmless(line), style if color else '')}\n" for line, style in lines)


def render_summary_json(summary: ModelSummary) -> str:
    """Return a summary as indented ASCII JSON."""
    members = [{"name": name, "bytes": size} for name, size in summary.members]
    path = summary.path.encode("utf-8", "backslashreplace").decode()  # a lone surrogate is not valid JSON
    document = {
        "schema": _SCHEMA,
        "exit_code": summary.exit_code,
        **asdict(summary),
        "path": path,
        "members": members,
        "hazards": [_hazard_keys(hazard) for hazard in summary.hazards],
    }
    return json.dumps(document, indent=2) + "\n"


def _hazard_keys(hazard: Hazard) -> dict[str, object]:
    """The published keys of a hazard; `mend` is an older word for its fix."""
    return {"kind": hazard.kind, "words": hazard.words, "mend": hazard.fix, "refused": hazard.refused}


def render_summary_refusal(path: str, refusal: KcheckError) -> str:
    """Return the JSON document for a file that was refused."""
    error = {"message": refusal.what, "expected": refusal.expected, "to_mend": refusal.fix}
    return (
        json.dumps(
            {
                "schema": _SCHEMA,
                "exit_code": refusal.exit_code,
                "path": clean(path, 1000),
                "error": error,
            },
            indent=2,
        )
        + "\n"
    )


def _head(summary: ModelSummary, width: int) -> Iterator[tuple[str, str]]:
    named = f"{summary.kind} '{summary.name}'" if summary.name else summary.kind
    layers = format_count(summary.layer_count, "layer") if summary.layer_count else "layers not in the file"
    size = f"{layers}, {format_count(summary.parameters, 'parameter')}"
    origin = f"saved with Keras {summary.keras_version or '(unknown)'}" + (
        f" on {summary.saved_on.replace('@', ' ')}" if summary.saved_on else ""
    )
    backend = f", backend {summary.backend}" if summary.backend else ""
    yield from ((line, _BOLD) for line in _broken(f"{clean(summary.path)} | {named} | {size}", width))
    yield from (
        (line, "")
        for line in _broken(
            f"{origin}{backend} | {format_bytes(summary.size)} | sha256 {summary.sha256[:12]}", width
        )
    )


def _labelled_lines(summary: ModelSummary, width: int) -> Iterator[tuple[str, str]]:
    facts = {
        "inputs": list(map(_tensor, summary.inputs)) or ["not stated in the file"],
        "outputs": list(map(_tensor, summary.outputs)) or ["not stated in the file"],
        "policies": [_amounts(summary.policies, "layer")] if summary.policies else [],
        "weights": [_amounts(summary.weight_dtypes, "array")] if summary.weight_dtypes else [],
        "custom": list(summary.custom),
    }
    for label, texts in facts.items():
        for at, text in enumerate(texts):
            yield from _labelled("" if at else label, text, width)


def _tensor(tensor: TensorSummary) -> str:
    return " ".join(filter(None, (tensor.name, _shape(tensor.shape), tensor.dtype)))


def _amounts(amounts: Mapping[str, int], unit: str) -> str:
    return ", ".join(f"{name} ({format_count(amount, unit)})" for name, amount in amounts.items())


def _table(rows: Sequence[LayerSummary], width: int) -> Iterator[tuple[str, str]]:
    """The layers in columns: name, class, shape, parameters; sublayers are indented below their layer."""
    cells = [("layer", "class", "output", "parameters"), *map(_cells, rows)]
    name, kind, shape, parameters = (max(map(_columns, column)) for column in zip(*cells, strict=True))
    room = max((width - 4 * _NARROWEST) // 2, _NARROWEST)
    # A cut shape says less than a cut name.
    kind, shape = (
        min(kind, _WIDEST["class"], room),
        min(shape, _WIDEST["shape"], room + (room - _NARROWEST) // 2),
    )
    name = max(min(name, width - kind - shape - parameters - 3 * _GAP), _NARROWEST)
    for at, (first, *middle, last) in enumerate(cells):
        left = (
            _set(text, wide) + " " * _GAP
            for text, wide in zip((first, *middle), (name, kind, shape), strict=True)
        )
        yield "".join(left) + last.rjust(parameters), "" if at else _DIM


def _cells(row: LayerSummary) -> tuple[str, str, str, str]:
    return (
        "  " * row.depth + _harmless(row.name),
        _harmless(row.kind) or "(custom)",
        _shape(row.shape),
        f"{row.parameters:,}",
    )


def _hazard(hazard: Hazard, width: int) -> list[tuple[str, str]]:
    first = (f"x REFUSED {hazard.kind}", _RED) if hazard.refused else (f"! NOTE {hazard.kind}", _YELLOW)
    words = [(f"  {line}", "") for line in _broken(hazard.words, width - 2)]
    return [first, *words, *(_labelled("fix", hazard.fix, width) if hazard.fix else ())]


def _ending(summary: ModelSummary) -> str:
    run = (
        "kcheck run would refuse it as it is, exit 1"
        if summary.exit_code
        else "kcheck run would load it, exit 0"
    )
    return f"no code of the model was run; {run}"


def _labelled(label: str, text: str, width: int) -> Iterator[tuple[str, str]]:
    for at, line in enumerate(_broken(text, width - _LABEL - 2)):
        yield f"  {'' if at else label:<{_LABEL}}{line}", ""


def _broken(text: str, width: int) -> list[str]:
    return textwrap.wrap(_harmless(text), max(width, 20), break_on_hyphens=False) or [""]


def _set(text: str, width: int) -> str:
    """Pad or cut a text to exactly `width` columns; a cut text ends in two dots."""
    if _columns(text) > width:
        while text and _columns(text) > width - 2:
            text = text[:-1]
        text += ".."
    return text + " " * (width - _columns(text))


def _columns(text: str) -> int:
    """The columns of a text on a terminal: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def _harmless(line: str) -> str:
    """Escape what a build log takes for a command: two colons at the start of a line, and ##[."""
    bare = line.lstrip()
    line = line[: len(line) - len(bare)] + "\\x3a" + bare[1:] if bare.startswith("::") else line
    return line.replace("##[", "#\\x23[").rstrip()


def _styled(line: str, style: str) -> str:
    return f"\x1b[{style}m{line}\x1b[0m" if style and line else line


def _shape(shape: Shape | None) -> str:
    return "-" if shape is None else shape_text(shape)
