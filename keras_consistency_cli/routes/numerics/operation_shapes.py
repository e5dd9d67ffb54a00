"""Whether the shapes of what a model computes depend on the numbers in its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.routes.numerics.op_hooks import changing_operations
from keras_consistency_cli.routes.trace import Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["changes_shapes"]


def changes_shapes(session: Session, batch: Rows, others: Iterable[Rows]) -> bool:
    """Whether an operation gives results of another shape for one of the other batches of the same size.

    False on backends whose operations cannot be watched.
    """
    shapes = _operation_shapes(session, batch)
    return any(_operation_shapes(session, other) != shapes for other in others)


def _operation_shapes(session: Session, batch: Rows) -> list[tuple[int, ...]]:
    """Return the shapes of the results of all operations, in the order in which they run."""
    shapes: list[tuple[int, ...]] = []

    def note(_kind: str, _inputs: Any, outputs: list[Any]) -> None:
        shapes.extend(tuple(output.shape) for output in outputs)

    session.restore()
    with changing_operations(note):
        session.call_once(batch, training=False)
    session.restore()
    return shapes
