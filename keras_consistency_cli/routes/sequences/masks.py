"""The route that follows a mask: the layer or operation in which it ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.measurement.facts import Facts
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.session.batches import first
from keras_consistency_cli.routes.session.layer_hooks import Running, among_layers, intercepted, path_of
from keras_consistency_cli.routes.trace import Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["MASK_ROUTES", "mask_of", "takes_mask"]


def _masks(session: Session, rows: Rows) -> Result:
    """Where the mask ends: the first layer or operation that is given one and neither hands it on nor takes it as an argument."""
    few = first(rows, session.facts.batch_size or 2)
    with _watched() as lost:
        session.call(few, training=False)
    return Result(outputs={}, details=lost[0] if lost else {})


@contextmanager
def _watched() -> Iterator[list[dict[str, Any]]]:
    """Record every layer and operation in which a mask gets lost meanwhile."""
    lost: list[dict[str, Any]] = []

    def around(running: Running, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        if (
            among_layers(running)
            and _masked((args, kwargs))
            and not _masked(outputs)
            and not takes_mask(running[-1])
        ):
            lost.append({"layer": path_of(running), "kind": type(running[-1]).__name__})
        return outputs

    with intercepted(around):
        yield lost


def _masked(tensors: Any) -> bool:
    return mask_of(tensors) is not None


def mask_of(tensors: Any) -> Any:
    """Return the mask that travels with the first of these tensors that has one, else None."""
    import keras

    return next(
        (
            mask
            for leaf in keras.tree.flatten(tensors)
            if (mask := getattr(leaf, "_keras_mask", None)) is not None
        ),
        None,
    )


def takes_mask(operation: Any) -> bool:
    """Whether it uses the mask itself, as recurrent layers, attention and average pooling do; a model hands it to its own layers."""
    import keras

    if isinstance(operation, keras.Model):
        return True
    names = inspect.signature(operation.call).parameters
    return any(name == "mask" or name.endswith("_mask") for name in names)


def _no_mask(facts: Facts) -> str | None:
    return None if any(layer.masks is not None for layer in facts.layers) else "the model declares no mask"


MASK_ROUTES: tuple[Route, ...] = (
    Route(name="masks", summary="where the mask ends", run=_masks, unavailable=_no_mask, placement="fresh"),
)
