"""Find the layer from which on an export computes something else than the model.

Converters keep the names of layers in the names of their values. Each layer of the model is compared with the
values that bear its name. If none does, because the converter has named it otherwise, a value that equals the
output of the layer is taken as its own; without such a value, nothing is known about the layer.

The layer at which the values begin to differ may be right: if it makes its value in the export of another
value there, then that one is what differs, and the layer before has made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.loading.exports.matching import is_named_after
from keras_consistency_cli.measurement.distance import is_float, max_abs_difference
from keras_consistency_cli.routes.session.layer_hooks import CallStack, intercept_calls, layer_path

if TYPE_CHECKING:
    from keras_consistency_cli.routes.exports.session import ExportSession
    from keras_consistency_cli.routes.trace import Rows

__all__ = ["DifferingLayer", "find_differing_layer"]

_TOLERANCE = {"float32": 1e-4, "float16": 1e-2}
"""Share of a layer's largest output up to which an export agrees, by the precision that it computes in."""
_COARSE = 0.1
_MOST_CALLS = 64
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
    """A layer in the order of calls, and its output.

    `result` and `input` are the tensors that it returned and got, `input` None if it got several. `again`
    calls it with another value in the place of its input.
    """

    path: str
    kind: str
    name: str
    output: np.ndarray
    result: Any
    input: Any
    again: Callable[[np.ndarray], np.ndarray]


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
    first = _step_back([called for called, _ in later[: first + 1]], values, share)
    return {
        "layer": later[first][0].path,
        "kind": later[first][0].kind,
        "after": judged[last][0].path if last >= 0 else "",
        "unknown": [called.path for called, _ in later[:first]],
    }


def _step_back(called: Sequence[_Called], values: Mapping[str, np.ndarray], share: float) -> int:
    """Return the position of the layer at fault, of layers in the order of calls up to one that differs."""
    found = len(called) - 1
    made = [each for each in values.values() if is_float(each.dtype)]
    outputs = _named(called[found], values)
    while found and (before := _maker(called[:found], called[found])) is not None:
        outputs = _sources(called[found], outputs, made, share)
        if not outputs:
            break
        found = before
    return found


def _maker(earlier: Sequence[_Called], called: _Called) -> int | None:
    """Return the position of the layer whose output is the input of another one."""
    positions = (at for at, each in enumerate(earlier) if each.result is called.input)
    return next(positions, None) if called.input is not None else None


def _sources(
    called: _Called, outputs: Sequence[np.ndarray], made: Sequence[np.ndarray], share: float
) -> list[np.ndarray]:
    """Return the values inside the export of which the layer makes one of these outputs.

    The outputs themselves are none of them: a layer such as Flatten only hands its input on.
    """
    shape = tuple(called.input.shape)
    fitting = [each for value in made for each in _as_shape(value, shape)][:_MOST_CALLS]
    return [
        each
        for each in fitting
        if not _holds_output(outputs, each, share) and _holds_output(outputs, called.again(each), share)
    ]


def _as_shape(value: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The value if it has this shape, as it is or with channels first."""
    if value.shape == shape:
        yield value
    order = _CHANNELS_FIRST.get(len(shape))
    if order is not None and value.shape == tuple(shape[axis] for axis in order):
        yield value.transpose(np.argsort(order))


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
                    _Called(
                        path=layer_path(running),
                        kind=kind,
                        name=str(layer.name),
                        output=output,
                        result=leaves[0],
                        input=_only_tensor(args, kwargs),
                        again=partial(_call_again, original, *args[1:], **kwargs),
                    )
                )
        return outputs

    export.original.restore()
    with intercept_calls(around):
        export.original.call(rows, training=False)
    export.original.restore()
    yield from called


def _only_tensor(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The first argument of a call, if it is a tensor and the only one."""
    import keras

    tensors = [each for each in keras.tree.flatten((args, kwargs)) if hasattr(each, "shape")]
    return tensors[0] if len(tensors) == 1 and args and args[0] is tensors[0] else None


def _call_again(original: Callable[..., Any], value: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    """Call a layer with another value in the place of its only input."""
    import keras

    outputs = original(keras.ops.convert_to_tensor(value), *args, **kwargs)
    return np.asarray(keras.ops.convert_to_numpy(keras.tree.flatten(outputs)[0]))


def _agrees(called: _Called, values: Mapping[str, np.ndarray], share: float) -> bool | None:
    """Whether one of the values that bear the layer's name is its output.

    If none of its size does, True if any other value is, and None if not.
    """
    size = called.output.size
    alike = {name: each for name, each in values.items() if each.size == size and is_float(each.dtype)}
    named = _named(called, alike)
    if not size or (np.ptp(called.output) == 0 and not named):
        return None
    found = _holds_output(named or list(alike.values()), called.output, share)
    return found if named else found or None


def _named(called: _Called, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The values of the size of a layer's output that bear its name."""
    alike = ((name, each) for name, each in values.items() if each.size == called.output.size)
    return [each for name, each in alike if is_named_after(name, called.name)]


def _holds_output(candidates: Sequence[np.ndarray], output: np.ndarray, share: float) -> bool:
    largest = float(np.abs(np.nan_to_num(output, nan=0.0, posinf=0.0, neginf=0.0)).max())
    limit = share * largest + np.finfo(np.float32).tiny
    return any(
        max_abs_difference(each.reshape(-1).astype(np.float64), expected.reshape(-1), nan="equal") <= limit
        for each in candidates
        if each.size == output.size
        for expected in _layouts(output)
    )


def _layouts(output: np.ndarray) -> Iterator[np.ndarray]:
    """The output as it is, and with channels first."""
    yield output
    if output.ndim in _CHANNELS_FIRST:
        yield output.transpose(_CHANNELS_FIRST[output.ndim])
