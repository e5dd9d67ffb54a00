"""The functional graph of a model, followed from each input to the layers that use it.

Layers that leave values unchanged are passed; nested models are entered and left. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from keras_consistency_cli.loading.hints.layer_hints import keras_class_names
from keras_consistency_cli.text import clean

__all__ = [
    "ARITHMETIC",
    "Arithmetic",
    "EnteredLayer",
    "ReachedTensor",
    "find_calls",
    "find_entered_layers",
    "functional_graph",
    "keeps_values",
    "named_inputs",
    "walk_consumers",
]

_KEEPS_PLACES = frozenset(
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
"""Keep each value and the place of each feature (at inference).

BaseImagePreprocessingLayer is the base of all augmentation, resizing and cropping.
"""
_MOVES_FEATURES = frozenset(
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
"""Keep each value, but the place of a feature is no longer known."""
ARITHMETIC = "Arithmetic"
"""The kind of calls such as `x / 255`, among the kinds of layers that are looked for."""
_LINES: dict[str, Callable[[float], tuple[float, float]]] = {
    "TrueDivide": lambda number: (1 / number, 0.0),
    "Divide": lambda number: (1 / number, 0.0),
    "Multiply": lambda number: (number, 0.0),
    "Subtract": lambda number: (1.0, -number),
    "Add": lambda number: (1.0, number),
}
"""Operations of a tensor and a number, as the factor and the shift that they apply."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """A call of an operation with a tensor and a number: each value times `scale`, plus `offset`."""

    name: str
    scale: float
    offset: float


@dataclass(frozen=True, kw_only=True)
class ReachedTensor:
    """A tensor that an input reaches.

    `caller` is the call of the nested graph, None for the outermost graph. `offset` is the position of the
    input's first feature on the last axis, None after a layer that moves features. `padding` is the mask
    value of a Masking layer on the way. `passed` are the layers on the way that change values and are
    followed nevertheless.
    """

    graph: Any
    tensor: Any
    caller: tuple[ReachedTensor, Any] | None = None
    offset: int | None = 0
    padding: float | None = None
    passed: tuple[Any, ...] = ()

    @property
    def key(self) -> tuple[int, int, int | None, float | None]:
        """Two tensors with the same key lead to the same consumers."""
        return id(self.tensor), id(self.caller[1]) if self.caller else 0, self.offset, self.padding


@dataclass(frozen=True, kw_only=True)
class EnteredLayer:
    """A layer that an input enters.

    On the way to it are layers that leave values unchanged, and `passed`, which do not. `offset` is the
    position of the input's first feature on the layer's last axis, None if it is not known.
    """

    input: str
    layer: Any
    offset: int | None
    passed: tuple[Any, ...]


def find_entered_layers(model: Any, kinds: frozenset[str]) -> Iterator[EnteredLayer]:
    """Yield the layers of these kinds that inputs enter, following the inputs through them.

    There are none for a model without a known graph.
    """
    graph = functional_graph(model)
    for tensor, names in named_inputs(graph) if graph is not None else ():
        for reached, node in walk_consumers(graph, tensor, through=kinds):
            layer = _find_layer(node, kinds)
            if layer is not None:
                # Rows are named by the key of a dict, if the model takes one.
                name = next((key for key in names if key != tensor.name), tensor.name)
                yield EnteredLayer(
                    input=clean(name), layer=layer, offset=reached.offset, passed=reached.passed
                )


def _find_layer(node: Any, kinds: frozenset[str]) -> Any | None:
    """Return the layer that is called, or the arithmetic, if it is of one of these kinds."""
    if kinds & set(keras_class_names(node.operation)):
        return node.operation
    return _read_arithmetic(node) if ARITHMETIC in kinds else None


def _read_arithmetic(node: Any) -> Arithmetic | None:
    """Return what a call does to each value of its first argument, if its second one is a number."""
    line = next((_LINES[kind] for kind in keras_class_names(node.operation) if kind in _LINES), None)
    arguments = node.arguments.args
    if line is None or len(arguments) != 2 or len(node.arguments.keras_tensors) != 1:
        return None
    if not isinstance(arguments[1], int | float) or not arguments[1]:
        return None
    scale, offset = line(float(arguments[1]))
    return Arithmetic(name=node.operation.name, scale=scale, offset=offset)


def functional_graph(model: Any) -> Any | None:
    """Return the graph of a Functional or built Sequential model, None for others."""
    graph = getattr(model, "_functional", model)
    return graph if hasattr(graph, "_inputs_struct") else None


def named_inputs(graph: Any) -> Iterator[tuple[Any, set[str]]]:
    """Yield each input tensor with its own name and, if the model takes a dict, its key."""
    struct = graph._inputs_struct
    keys = {id(tensor): str(key) for key, tensor in struct.items()} if isinstance(struct, dict) else {}
    for tensor in graph.inputs:
        yield tensor, {tensor.name, keys.get(id(tensor), tensor.name)}


def keeps_values(layer: Any) -> bool:
    """Whether the layer leaves values unchanged at inference; it may move them."""
    return bool(set(keras_class_names(layer)) & (_KEEPS_PLACES | _MOVES_FEATURES))


def walk_consumers(
    graph: Any, tensor: Any, *, through: frozenset[str] = frozenset()
) -> Iterator[tuple[ReachedTensor, Any]]:
    """Yield the calls that an input reaches with its values unchanged.

    Args:
        graph: the functional graph.
        tensor: the input.
        through: kinds of layers that change values and are followed nevertheless.
    """
    pending, visited = [ReachedTensor(graph=graph, tensor=tensor)], set()
    while pending:
        reached = pending.pop()
        if reached.key in visited:
            continue
        visited.add(reached.key)
        pending += _leave_nested_model(reached)
        for node, position in _find_uses(reached):
            following = _pass_call(reached, node, position)
            if not following:
                yield reached, node
                layer = _find_layer(node, through)
                if layer is not None:
                    passed = (*reached.passed, layer)
                    following = [replace(reached, tensor=output, passed=passed) for output in node.outputs]
            pending += following


def find_calls(graph: Any, operation: Any) -> Iterator[Any]:
    """Yield the calls of one layer or operation in this graph."""
    for nodes in graph._nodes_by_depth.values():
        yield from (node for node in nodes if node.operation is operation)


def _leave_nested_model(reached: ReachedTensor) -> list[ReachedTensor]:
    """The tensors of the outer graph that are this tensor, if a nested model returns it."""
    if reached.caller is None:
        return []
    outer, node = reached.caller
    pairs = zip(reached.graph.outputs, node.outputs, strict=False)
    return [
        replace(reached, graph=outer.graph, tensor=outer_tensor, caller=outer.caller)
        for inner_tensor, outer_tensor in pairs
        if inner_tensor is reached.tensor
    ]


def _find_uses(reached: ReachedTensor) -> Iterator[tuple[Any, int]]:
    """The calls in this graph that take the tensor, with its position among their tensors."""
    for nodes in reached.graph._nodes_by_depth.values():
        for node in nodes:
            for position, argument in enumerate(node.arguments.keras_tensors):
                if argument is reached.tensor:
                    yield node, position


def _pass_call(reached: ReachedTensor, node: Any, position: int) -> list[ReachedTensor]:
    """The next tensors if this call leaves values unchanged, none if it uses them."""
    nested = functional_graph(node.operation)
    if nested is not None:
        tensors = nested.inputs[position : position + 1]
        return [replace(reached, graph=nested, tensor=tensor, caller=(reached, node)) for tensor in tensors]
    kinds = set(keras_class_names(node.operation))
    if "Concatenate" in kinds:
        reached = replace(reached, offset=_offset_after_concatenation(reached, node, position))
    elif kinds & _MOVES_FEATURES:
        reached = replace(reached, offset=None)
    elif not kinds & _KEEPS_PLACES:
        return []
    if "Masking" in kinds and reached.offset is not None:
        reached = replace(reached, padding=float(node.operation.mask_value))
    return [replace(reached, tensor=output) for output in node.outputs]


def _offset_after_concatenation(reached: ReachedTensor, node: Any, position: int) -> int | None:
    """The position of the input's first feature in the result.

    It is None if the result is not joined along the last axis, or if a width is unknown.
    """
    widths = [tensor.shape[-1] for tensor in node.arguments.keras_tensors[:position]]
    is_along_features = node.operation.axis in (-1, len(reached.tensor.shape) - 1)
    if reached.offset is None or not is_along_features or None in widths:
        return None
    return int(reached.offset + sum(widths))
