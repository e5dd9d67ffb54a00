"""Match the inputs and outputs of an export with those of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from keras_consistency_cli.loading.exports.exported_model import ExportRefused, ExportTensor
from keras_consistency_cli.loading.exports.layouts import Layout, Shape, fits, layout_of
from keras_consistency_cli.measurement.facts import InputFact, OutputFact
from keras_consistency_cli.text import clean

__all__ = ["Match", "MatchedBy", "is_named_after", "match_inputs", "match_outputs"]

_OTHER_MODEL, _STATISTICS_LOST = "export-of-other-model", "export-statistics-lost"
_STATISTIC = re.compile(r"/(Sub|Sqrt|Maximum)/\w+(:\d+)?$")
"""Names that Keras's ONNX export gives to the statistics of a Normalization layer."""
MatchedBy = Literal["stated", "only", "name", "shape", "position"]
_DECORATION = re.compile(r"^(serving_default_|serve_)|:\d+$")
_NUMBERED = re.compile(r"^(?:output|Identity|StatefulPartitionedCall(?:_\d+)?)(?:[_:](\d+))?(?::0)?$")


@dataclass(frozen=True, kw_only=True)
class Match:
    """The export's name of each input or output of the model, how it was found, and how it is laid out."""

    names: Mapping[str, str]
    by: MatchedBy
    layouts: Mapping[str, Layout] = field(default_factory=dict)


def is_named_after(name: str, layer: str) -> bool:
    """Whether a value inside an export bears the name of a layer, which converters may have numbered."""
    return re.search(rf"(?:^|[/;]){re.escape(layer)}(?:_\d+)?(?:[/;:]|$)", name) is not None


def match_inputs(
    facts: Sequence[InputFact], tensors: Sequence[ExportTensor], stated: Mapping[str, str]
) -> Match:
    """Return the export's input for each input of the model: as stated, by name, by shape, or by position.

    Raises:
        ExportRefused: their numbers differ, or a stated name does not exist.
    """
    if len(facts) != len(tensors):
        raise _count_refused(facts, tensors)
    unknown = [name for name in stated.values() if name not in {each.name for each in tensors}]
    if unknown:
        found = ", ".join(clean(each.name, 40) for each in tensors)
        raise ExportRefused(f"it has no input '{clean(unknown[0], 60)}'; it has {found}")
    match = _match([fact.name for fact in facts], [fact.shape for fact in facts], tensors, stated)
    return _laid_out("input", {fact.name: fact.shape for fact in facts}, match, tensors)


def _count_refused(facts: Sequence[InputFact], tensors: Sequence[ExportTensor]) -> ExportRefused:
    found = ", ".join(clean(each.name, 40) for each in tensors) or "none"
    surplus = [each.name for each in tensors if _STATISTIC.search(each.name)]
    cause = _STATISTICS_LOST if len(tensors) - len(surplus) == len(facts) else _OTHER_MODEL
    return ExportRefused(f"it takes {len(tensors)} inputs ({found}), the model {len(facts)}", cause=cause)


def match_outputs(facts: Sequence[OutputFact], tensors: Sequence[ExportTensor]) -> Match:
    """Return the export's output for each output of the model.

    Raises:
        ExportRefused: their numbers differ.
    """
    tensors = _declared(facts, tensors)
    if len(facts) != len(tensors):
        raise ExportRefused(f"it has {len(tensors)} outputs, the model {len(facts)}", cause=_OTHER_MODEL)
    names, numbered = [fact.name for fact in facts], _numbered(tensors)
    if numbered is not None:
        match = Match(names=dict(zip(names, numbered, strict=True)), by="name")
    else:
        match = _match(names, [fact.shape for fact in facts], tensors, {})
    return _laid_out("output", {fact.name: fact.shape for fact in facts}, match, tensors)


def _laid_out(
    what: str, shapes: Mapping[str, Shape | None], match: Match, tensors: Sequence[ExportTensor]
) -> Match:
    """Return the match with the layouts; refuse an export whose arrays cannot be those of the model."""
    own = {each.name: each.shape for each in tensors}
    layouts: dict[str, Layout] = {}
    for name, export_name in match.names.items():
        layout = layout_of(shapes[name], own[export_name])
        if layout is None:
            raise ExportRefused(
                f"its {what} '{clean(export_name, 40)}' has shape {_text(own[export_name])}, "
                f"that of the model {_text(shapes[name])}",
                cause=_OTHER_MODEL,
            )
        layouts[name] = layout
    return replace(match, layouts=layouts)


def _text(shape: Shape | None) -> str:
    """A shape in words; None is any size."""
    return "unknown" if shape is None else str(shape)


def _declared(facts: Sequence[OutputFact], tensors: Sequence[ExportTensor]) -> Sequence[ExportTensor]:
    """Leave out surplus outputs: those without a name of the model, a number, or a shape that only they have.

    Keras's OpenVINO export of attention and of unrolled recurrent layers has values from inside the layers as
    further outputs (Keras 3.15.1, OpenVINO 2026.4.1). Signatures of users return a class next to its score.
    """
    if len(tensors) <= len(facts):
        return tensors
    names = {fact.name for fact in facts}
    named = [each for each in tensors if each.name in names]
    numbered = [each for each in tensors if _NUMBERED.fullmatch(each.name)]
    by_shape = _unique_fits([fact.name for fact in facts], [fact.shape for fact in facts], tensors) or {}
    fitting = [each for each in tensors if each.name in by_shape.values()]
    return next((some for some in (named, numbered, fitting) if len(some) == len(facts)), tensors)


def _numbered(tensors: Sequence[ExportTensor]) -> list[str] | None:
    """The names in the order of their numbers, if all are numbered as exporters number them."""
    matches = [_NUMBERED.fullmatch(each.name) for each in tensors]
    if len(tensors) < 2 or not all(matches):
        return None
    numbers = [int(match[1] or 0) for match in matches if match]
    return (
        [tensors[numbers.index(number)].name for number in sorted(numbers)]
        if len(set(numbers)) == len(numbers)
        else None
    )


def _match(
    names: Sequence[str],
    shapes: Sequence[Shape | None],
    tensors: Sequence[ExportTensor],
    stated: Mapping[str, str],
) -> Match:
    if stated:
        rest = iter([each.name for each in tensors if each.name not in stated.values()])
        return Match(names={name: stated.get(name) or next(rest) for name in names}, by="stated")
    if len(names) == 1:
        return Match(names={names[0]: tensors[0].name}, by="only")
    plain = {_DECORATION.sub("", each.name): each.name for each in tensors}
    if set(names) <= set(plain):
        return Match(names={name: plain[name] for name in names}, by="name")
    by_shape = _unique_fits(names, shapes, tensors)
    if by_shape is not None:
        return Match(names=by_shape, by="shape")
    return Match(names={name: each.name for name, each in zip(names, tensors, strict=True)}, by="position")


def _unique_fits(
    names: Sequence[str], shapes: Sequence[Shape | None], tensors: Sequence[ExportTensor]
) -> dict[str, str] | None:
    """Each name's only tensor with a fitting shape, None if one has none or several."""
    found = {}
    for name, shape in zip(names, shapes, strict=True):
        candidates = [each.name for each in tensors if fits(shape, each.shape)]
        if len(candidates) != 1:
            return None
        found[name] = candidates[0]
    return found if len(set(found.values())) == len(found) else None
