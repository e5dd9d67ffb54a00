"""The route that follows a mask to the layer or operation in which it is lost."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first_batch
from keras_consistency_cli.routes.session.layer_hooks import (
    CallStack,
    intercept_calls,
    is_in_model_graph,
    layer_path,
)
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = [
    "MASK_ROUTES",
    "LayerName",
    "LostMask",
    "call_keeping_masks",
    "expand_mask",
    "find_mask",
    "has_mask_argument",
    "is_given_mask",
    "is_stock",
]


_ROWS = 16


class LayerName(TypedDict):
    """Path and class of a layer, as details report it."""

    layer: str
    kind: str


class LostMask(TypedDict, total=False):
    """Details of the route `masks`: the layer that loses the mask; empty if none does.

    If the code of the model drops it, the first layer that gets none, and `after`, the layer that makes it.
    """

    layer: str
    kind: str
    after: str


def _locate_lost_mask(session: Session, rows: Rows) -> Result:
    """Find the first layer that is given a mask and neither passes it on nor uses it."""
    batch = first_batch(rows, session.facts.batch_size or 2)
    with _recording_lost_masks() as lost:
        session.call(batch, training=False)
    details: LostMask = lost[0] if lost else _find_in_code(session, rows)
    return Result(outputs={}, details=details)


def _find_in_code(session: Session, rows: Rows) -> LostMask:
    """Find the first layer whose mask the code of the model drops; some of the rows must be padded."""
    from keras_consistency_cli.routes.sequences.alignment.code_masks import find_dropped_masks

    batch = first_batch(rows, session.facts.batch_size or _ROWS)

    def run() -> None:
        session.restore()
        session.call_once(batch, training=False)

    found = next(iter(find_dropped_masks(run).values()), None)
    return {} if found is None else {"layer": found.layer, "kind": found.kind, "after": found.after}


@contextmanager
def _recording_lost_masks() -> Iterator[list[LostMask]]:
    """Record every layer and operation in which a mask is lost."""
    lost: list[LostMask] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        is_given = is_in_model_graph(running) and find_mask((args, kwargs)) is not None
        outputs = call_keeping_masks(running, original, args, kwargs)
        if is_given and find_mask(outputs) is None and not has_mask_argument(running[-1]):
            lost.append({"layer": layer_path(running), "kind": type(running[-1]).__name__})
        return outputs

    with intercept_calls(around):
        yield lost


def find_mask(tensors: Any) -> Any:
    """Return the mask of the first of these tensors that has one, else None."""
    import keras

    masks = (getattr(leaf, "_keras_mask", None) for leaf in keras.tree.flatten(tensors))
    return next((mask for mask in masks if mask is not None), None)


def expand_mask(mask: Any, series: Any) -> Any:
    """Return a mask of rows and time steps in a shape that broadcasts with the series."""
    import keras

    return keras.ops.reshape(mask, (*keras.ops.shape(mask), *(1,) * (len(series.shape) - 2)))


def is_given_mask(args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether a call is given a mask: as an argument, or attached to its tensors."""
    passed = (value for name, value in kwargs.items() if name == "mask" or name.endswith("_mask"))
    return any(value is not None for value in passed) or find_mask((args, kwargs)) is not None


def call_keeping_masks(
    running: CallStack, original: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
) -> Any:
    """Call a layer of a functional graph so that its inputs keep their masks.

    MultiHeadAttention takes the masks off its inputs. In the graph of a functional model, masks that are made
    inside it were passed on when it was built, before any layer ran: there, no later layer misses them. In
    the code of a subclassed model, and in a nested model that is given a mask, the later layers do miss them.
    """
    import keras

    masked = [
        (leaf, leaf._keras_mask)
        for leaf in (keras.tree.flatten((args, kwargs)) if _is_built_with_mask(running) else ())
        if getattr(leaf, "_keras_mask", None) is not None
    ]
    outputs = original(*args, **kwargs)
    for leaf, mask in masked:
        leaf._keras_mask = mask
    return outputs


def _is_built_with_mask(running: CallStack) -> bool:
    """Whether the functional graph around this call of a layer was built with a mask for it."""
    import keras

    from keras_consistency_cli.loading.model.graph_walk import find_calls, functional_graph

    graph = functional_graph(running[-2]) if len(running) > 1 else None
    if graph is None or isinstance(running[-1], keras.Model):
        return False
    return any(
        getattr(tensor, "_keras_mask", None) is not None
        for node in find_calls(graph, running[-1])
        for tensor in node.arguments.keras_tensors
    )


def is_stock(operation: Any) -> bool:
    """Whether a layer or operation belongs to Keras or to one of its packages, and cannot be edited."""
    from keras_consistency_cli.loading.model.layer_walk import is_keras_class
    from keras_consistency_cli.loading.model_file.known_packages import is_known_prefix

    kind = type(operation)
    return is_keras_class(kind) or is_known_prefix(kind.__module__.split(".")[0])


def has_mask_argument(operation: Any) -> bool:
    """Whether a layer uses the mask itself, as recurrent layers and attention do.

    Models count as well: they pass the mask to their own layers.
    """
    import keras

    if isinstance(operation, keras.Model):
        return True
    names = inspect.signature(operation.call).parameters
    return any(name == "mask" or name.endswith("_mask") for name in names)


def _explain_no_mask(facts: Facts) -> str | None:
    return None if any(layer.masks is not None for layer in facts.layers) else "the model declares no mask"


MASK_ROUTES: tuple[Route, ...] = (
    Route(
        name="masks",
        summary="where the mask is lost",
        run=_locate_lost_mask,
        unavailable=_explain_no_mask,
        placement="fresh",
    ),
)
