"""The change of an export whose normalizing layers have another epsilon than those of the model.

A converter keeps the epsilon of a layer, and folds it into the weights of the layer before. Another epsilon
comes from a network that was built again with the defaults of another library, and given the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.routes.exports.comparing import VariantResult, closest, differences, run_export
from keras_consistency_cli.text import clean

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["with_other_epsilon"]

_EPSILONS = (1e-3, 1e-5, 1.001e-5, 1e-6, 1e-7, 1e-12)
"""Defaults of Keras, of PyTorch, of Keras's ResNets, of transformers (two of them), and of BERT."""
_MOST_ALONE = 8
"""Layers that are also changed one at a time, if there are no more of them."""
_MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class _Normalizing:
    """A layer with an epsilon, and its path."""

    path: str
    layer: Any
    epsilon: float


def with_other_epsilon(export: ExportSession, rows: Rows) -> VariantResult | None:
    """Compare with the model whose normalizing layers have another epsilon: all, those of a kind, or one."""
    from keras_consistency_cli.loading.model.layer_walk import walk_layers

    normalizing = [
        _Normalizing(path=path, layer=layer, epsilon=layer.epsilon)
        for path, layer in walk_layers(export.model)
        if isinstance(getattr(layer, "epsilon", None), float)
    ]
    if not normalizing:
        return None
    outputs = run_export(export, rows)

    def results() -> Iterator[VariantResult]:
        for group in _groups(normalizing, alone=export.exported.precision == "float32"):
            for epsilon in _EPSILONS:
                changed = [each for each in group if each.epsilon != epsilon]
                if not changed:
                    continue
                export.original.restore()
                with _with_epsilon(changed, epsilon):
                    called = export.original.call(rows, training=False)
                found = differences(outputs, called)
                yield {"differences": found, "how": _describe(changed, epsilon), "layer": changed[0].path}

    return closest(results())


def _groups(normalizing: list[_Normalizing], *, alone: bool) -> Iterator[list[_Normalizing]]:
    """Yield the layers that are changed together; limits of low precision are too wide for single ones."""
    kinds = dict.fromkeys(type(each.layer) for each in normalizing)
    yield normalizing
    if len(kinds) > 1:
        yield from ([each for each in normalizing if type(each.layer) is kind] for kind in kinds)
    if alone and 1 < len(normalizing) <= _MOST_ALONE:
        yield from ([each] for each in normalizing)


@contextmanager
def _with_epsilon(changed: list[_Normalizing], epsilon: float) -> Iterator[None]:
    try:
        for each in changed:
            each.layer.epsilon = epsilon
        yield
    finally:
        for each in changed:
            each.layer.epsilon = each.epsilon


def _describe(changed: list[_Normalizing], epsilon: float) -> str:
    own = ", ".join(f"{each:.4g}" for each in dict.fromkeys(each.epsilon for each in changed))
    named = ", ".join(f"'{clean(each.path, 40)}'" for each in changed[:_MOST_NAMED])
    more = f" and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
    return f"{epsilon:.4g} instead of {own} in {named}{more}"
