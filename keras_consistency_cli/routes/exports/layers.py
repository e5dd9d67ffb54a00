"""Find the layer from which on an export computes something else than the model.

Converters keep the names of layers in the names of their values. Each layer of the model is compared with the
values that bear its name. If none does, because the converter has named it otherwise, a value that equals the
output of the layer is taken as its own; without such a value, nothing is known about the layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_float, max_abs_difference
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["DifferingLayer", "find_differing_layer"]

_TOLERANCE = {"float32": 1e-4, "float16": 1e-2}
"""Share of a layer's largest output up to which an export agrees, by the precision that it computes in."""
_COARSE = 0.1
_CHANNELS_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


class DifferingLayer(TypedDict, total=False):
    """The first layer that differs, and the last one before it that agrees; empty if none was found.

    `unknown` are the layers between the two whose values the export does not hold.
    """

    layer: str
    kind: str
    after: str
    unknown: list[str]


@dataclass(frozen=True, kw_only=True)
class _Called:
    """A layer in the order of calls, and its output."""

    path: str
    kind: str
    name: str
    output: np.ndarray


def find_differing_layer(export: ExportSession, rows: Rows) -> DifferingLayer:
    """Return where the export's values stop to agree with the outputs of the model's layers.

    A converter may merge layers. Therefore a layer counts as differing only if no later one agrees.
    """
    values = export.exported.values(export.feeds(rows))
    share = _TOLERANCE.get(export.exported.precision, _COARSE)
    judged = [(called, _agrees(called, values, share)) for called in _outputs_of_layers(export, rows)]
    last = max((number for number, (_, agrees) in enumerate(judged) if agrees), default=-1)
    later = judged[last + 1 :]
    first = next((number for number, (_, agrees) in enumerate(later) if agrees is False), None)
    if first is None:
        return {}
    return {
        "layer": later[first][0].path,
        "kind": later[first][0].kind,
        "after": judged[last][0].path if last >= 0 else "",
        "unknown": [called.path for called, _ in later[:first]],
    }


def _outputs_of_layers(export: ExportSession, rows: Rows) -> Iterator[_Called]:
    """Yield the layers with their first float output, the inner ones before those that hold them."""
    import keras

    called: list[_Called] = []

    def around(running: CallStack, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        outputs = original(*args, **kwargs)
        layer = running[-1]
        leaves = keras.tree.flatten(outputs)
        if isinstance(layer, keras.layers.Layer) and not isinstance(layer, keras.Model) and leaves:
            output = np.asarray(keras.ops.convert_to_numpy(leaves[0]))
            kind = type(layer).__name__
            if is_float(output.dtype) and kind != "InputLayer":
                called.append(
                    _Called(path=layer_path(running), kind=kind, name=str(layer.name), output=output)
                )
        return outputs

    export.original.restore()
    with intercept_calls(around):
        export.original.call(rows, training=False)
    export.original.restore()
    yield from called


def _agrees(called: _Called, values: Mapping[str, np.ndarray], share: float) -> bool | None:
    """Whether one of the values that bear the layer's name is its output.

    If none of its size does, True if any other value is, and None if not.
    """
    pattern = re.compile(rf"(?:^|[/;]){re.escape(called.name)}(?:_\d+)?(?:[/;:]|$)")
    size = called.output.size
    alike = {name: each for name, each in values.items() if each.size == size and is_float(each.dtype)}
    named = [each for name, each in alike.items() if pattern.search(name)]
    if not size or (np.ptp(called.output) == 0 and not named):
        return None
    found = _holds_output(named or list(alike.values()), called.output, share)
    return found if named else found or None


def _holds_output(candidates: Sequence[np.ndarray], output: np.ndarray, share: float) -> bool:
    largest = float(np.abs(np.nan_to_num(output, nan=0.0, posinf=0.0, neginf=0.0)).max())
    limit = share * largest + np.finfo(np.float32).tiny
    return any(
        max_abs_difference(each.reshape(-1).astype(np.float64), expected.reshape(-1), nan="equal") <= limit
        for each in candidates
        for expected in _layouts(output)
    )


def _layouts(output: np.ndarray) -> Iterator[np.ndarray]:
    """The output as it is, and with channels first."""
    yield output
    if output.ndim in _CHANNELS_FIRST:
        yield output.transpose(_CHANNELS_FIRST[output.ndim])
