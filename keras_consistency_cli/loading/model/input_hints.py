"""Which values each input of a model expects, read off its first layers. Nothing of the model is run.

The live model is walked from each input, through layers that leave values alone, to the first layers that do not; those are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.loading.model.layer_hints import Hint, keras_class_names, read_consumer
from keras_consistency_cli.text import clean

__all__ = ["ANY_INPUT", "Entry", "Hint", "entries", "input_hints", "find_integer_inputs"]

ANY_INPUT = "*"
"""The key of what holds for every input of a model whose graph is not known."""

_KEEPING = frozenset(
    {
        "InputLayer",
        "Identity",
        "Dropout",
        "BaseSpatialDropout",
        "GaussianNoise",
        "GaussianDropout",
        "AlphaDropout",
        "ActivityRegularization",
        "Masking",
        "Cast",
        "Copy",
        "ConvertToTensor",
        "StopGradient",
        "Flip",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
        "UpSampling1D",
        "UpSampling2D",
        "UpSampling3D",
        "BaseImagePreprocessingLayer",
    }
)
"""Values and the place of each feature stay as they are (at inference); the last one is the base of all augmentation, resizing and cropping."""
_MOVING = frozenset(
    {
        "Flatten",
        "Reshape",
        "Permute",
        "RepeatVector",
        "ExpandDims",
        "Squeeze",
        "Transpose",
        "GetItem",
        "Stack",
        "Split",
        "Ravel",
        "Swapaxes",
        "Moveaxis",
        "Repeat",
        "Tile",
        "BroadcastTo",
    }
)
"""Values stay, but which feature is where is lost."""
_STRICTEST_FIRST = ("values", "text", "whole", "range", "normal", "plain")


@dataclass(frozen=True, kw_only=True)
class _Spot:
    """A tensor reached on the way from an input.

    `caller` is where the graph was called from, None for the outermost. `offset` is where the input's features begin on the last axis, None once
    they were moved. `padding` is the mask value of a Masking layer that was passed, `passed` are the layers that changed values and were followed.
    """

    graph: Any
    tensor: Any
    caller: tuple[_Spot, Any] | None = None
    offset: int | None = 0
    padding: float | None = None
    passed: tuple[Any, ...] = ()

    @property
    def key(self) -> tuple[int, int, int | None, float | None]:
        """Two spots with the same key lead to the same consumers."""
        return id(self.tensor), id(self.caller[1]) if self.caller else 0, self.offset, self.padding


def input_hints(model: Any) -> dict[str, Hint]:
    """Return what the model expects of each input, by the input's name; inputs that take anything are left out.

    A model given its inputs as a dict has hints under the keys too. A subclassed model has no graph to follow: its tracked layers are asked in
    order, and what they say stands under `ANY_INPUT`.
    """
    graph = _graph(model)
    if graph is None:
        inside = _inside(model)
        return {ANY_INPUT: inside} if inside else {}
    found: dict[str, Hint] = {}
    for tensor, names in _named_inputs(graph):
        hint = _strictest(_reached(graph, tensor))
        if hint is not None:
            found |= {clean(name): hint for name in names}
    return found


def find_integer_inputs(model: Any, names: Iterable[str]) -> frozenset[str]:
    """Return which of these inputs take whole numbers only, such as ids that pick rows of a table, of whatever dtype they are fed."""
    hints = input_hints(model)
    asked = {name: hints.get(name, hints.get(ANY_INPUT)) for name in names}
    return frozenset(name for name, hint in asked.items() if hint is not None and hint.kind == "whole")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A layer that an input enters: through layers that leave values alone, and through `passed`, which do not.

    `offset` is where the input's features begin on the layer's last axis, None where it is not known.
    """

    input: str
    layer: Any
    offset: int | None
    passed: tuple[Any, ...]


def entries(model: Any, kinds: frozenset[str]) -> Iterator[Entry]:
    """Yield the layers of these kinds that inputs enter, and follow the inputs through them; none for a model whose graph is not known."""
    graph = _graph(model)
    for tensor, names in _named_inputs(graph) if graph is not None else ():
        for spot, node in _steps(graph, tensor, through=kinds):
            if kinds & set(keras_class_names(node.operation)):
                # The key of a dict, where there is one, is what rows go by.
                name = next((each for each in names if each != tensor.name), tensor.name)
                yield Entry(input=clean(name), layer=node.operation, offset=spot.offset, passed=spot.passed)


def _graph(model: Any) -> Any | None:
    """The functional graph of a Functional or built Sequential model."""
    graph = getattr(model, "_functional", model)
    return graph if hasattr(graph, "_inputs_struct") else None


def _named_inputs(graph: Any) -> Iterator[tuple[Any, set[str]]]:
    struct = graph._inputs_struct
    keys = {id(tensor): str(key) for key, tensor in struct.items()} if isinstance(struct, dict) else {}
    for tensor in graph.inputs:
        yield tensor, {tensor.name, keys.get(id(tensor), tensor.name)}


def _strictest(hints: Iterator[Hint]) -> Hint | None:
    """Where several layers consume an input, the one that takes the fewest values; padding that any of them masks is kept."""
    ranked = sorted(
        hints, key=lambda hint: (_STRICTEST_FIRST.index(hint.kind), len(hint.values), hint.high, hint.why)
    )
    if not ranked:
        return None
    paddings = [hint.padding for hint in ranked if hint.padding is not None]
    first = ranked[0]
    return (
        replace(first, padding=paddings[0])
        if first.padding is None and paddings and first.kind in ("range", "normal", "plain")
        else first
    )


def _reached(graph: Any, tensor: Any) -> Iterator[Hint]:
    """The hints of every layer that an input reaches with its values unchanged."""
    width = tensor.shape[-1] if len(tensor.shape) > 1 else None
    for spot, node in _steps(graph, tensor):
        hint = _asked(spot, node)
        if hint is not None:
            yield _placed(hint, spot, width)


def _steps(graph: Any, tensor: Any, *, through: frozenset[str] = frozenset()) -> Iterator[tuple[_Spot, Any]]:
    """The calls that an input reaches with its values unchanged; calls of the kinds `through` are followed further."""
    spots, seen = [_Spot(graph=graph, tensor=tensor)], set()
    while spots:
        spot = spots.pop()
        if spot.key in seen:
            continue
        seen.add(spot.key)
        spots += _returned(spot)
        for node, position in _uses(spot):
            onward = _onward(spot, node, position)
            if not onward:
                yield spot, node
                if through & set(keras_class_names(node.operation)):
                    onward = [
                        replace(spot, tensor=output, passed=(*spot.passed, node.operation))
                        for output in node.outputs
                    ]
            spots += onward


def _returned(spot: _Spot) -> list[_Spot]:
    """Where a tensor goes that a nested model hands back."""
    if spot.caller is None:
        return []
    outer, node = spot.caller
    places = zip(spot.graph.outputs, node.outputs, strict=False)
    return [
        replace(spot, graph=outer.graph, tensor=given, caller=outer.caller)
        for output, given in places
        if output is spot.tensor
    ]


def _uses(spot: _Spot) -> Iterator[tuple[Any, int]]:
    """The calls in this graph that take the tensor, and its position among their tensors."""
    for nodes in spot.graph._nodes_by_depth.values():
        for node in nodes:
            yield from (
                (node, position)
                for position, given in enumerate(node.arguments.keras_tensors)
                if given is spot.tensor
            )


def _onward(spot: _Spot, node: Any, position: int) -> list[_Spot]:
    """The next tensors, where this call leaves values alone; none where it consumes them."""
    inner = _graph(node.operation)
    if inner is not None:
        entries = inner.inputs[position : position + 1]
        return [replace(spot, graph=inner, tensor=entry, caller=(spot, node)) for entry in entries]
    kinds = set(keras_class_names(node.operation))
    if "Concatenate" in kinds:
        spot = replace(spot, offset=_offset_in(spot, node, position))
    elif kinds & _MOVING:
        spot = replace(spot, offset=None)
    elif not kinds & _KEEPING:
        return []
    if "Masking" in kinds and spot.offset is not None:
        spot = replace(spot, padding=float(node.operation.mask_value))
    return [replace(spot, tensor=output) for output in node.outputs]


def _offset_in(spot: _Spot, node: Any, position: int) -> int | None:
    """Where the features begin after a concatenation; None where it is not along the last axis, or a width before them is unknown."""
    before = [tensor.shape[-1] for tensor in node.arguments.keras_tensors[:position]]
    along_features = node.operation.axis in (-1, len(spot.tensor.shape) - 1)
    return None if spot.offset is None or not along_features or None in before else spot.offset + sum(before)


def _asked(spot: _Spot, node: Any) -> Hint | None:
    """The consumer's own hint, or that of the layers inside it; padding alone where only a mask was passed on the way."""
    hint = read_consumer(node.operation, tuple(node.arguments.args)) or _inside(node.operation)
    return hint if hint or spot.padding is None else Hint(kind="plain")


def _placed(hint: Hint, spot: _Spot, width: int | None) -> Hint:
    """The hint for this input: its own slice of the features, or their average where it is not known which they are."""
    hint = hint if spot.padding is None else replace(hint, padding=spot.padding)
    if spot.padding is None and spot.offset is None:
        # What is masked behind a reshape need not lie on the input's own axis 1; a mask made before it does.
        hint = replace(hint, padding=None)
    if len(hint.mean) == 1:
        return hint
    if spot.offset is None or width is None:
        return replace(hint, mean=_average(hint.mean), std=_average(hint.std))
    mine = slice(spot.offset, spot.offset + width)
    return replace(hint, mean=hint.mean[mine], std=hint.std[mine])


def _average(values: tuple[float, ...]) -> tuple[float, ...]:
    return (sum(values) / len(values),)


def _inside(layer: Any) -> Hint | None:
    """What the layers that a subclassed model or layer tracks expect, in order.

    Ranges and statistics count only before the first layer that computes something. A vocabulary counts wherever it stands, since values out
    of range would crash it, and the smallest counts.
    """
    found: list[Hint] = []
    computed = False
    for inner in getattr(layer, "_layers", ()):
        if set(keras_class_names(inner)) & (_KEEPING | _MOVING):
            continue
        said = (
            list(input_hints(inner).values())
            if _graph(inner) is not None
            else [read_consumer(inner) or _inside(inner)]
        )
        found += [
            hint for hint in said if hint and (not computed or hint.kind in ("values", "text", "whole"))
        ]
        computed = True
    return _strictest(iter(found))
