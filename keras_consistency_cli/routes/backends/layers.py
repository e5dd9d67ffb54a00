"""Routes that search for the layer where two backends differ; they run only after a failure.

The worker of the backend in use records the inputs and outputs of each layer. The worker of the other backend
gets them. It runs the model with these in place of its own, so that each layer has the same inputs as on the
backend in use: a layer that still gives different outputs is a suspect. Then the suspects alone are given the
recorded outputs. If the outputs of the model agree, they are the cause. Code between layers is a suspect if
the inputs of the layer after it differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from keras_consistency_cli.measurement.distance import is_integer
from keras_consistency_cli.routes.backends.bound_code import BoundLayer, find_bound_layers
from keras_consistency_cli.routes.backends.holding import (
    HeldCall,
    KeptCall,
    differences,
    largest_number,
    run_holding,
)
from keras_consistency_cli.routes.base import Route
from keras_consistency_cli.routes.locating.call_records import CallRecord, record_calls
from keras_consistency_cli.routes.session.batches import count_rows, mark_nonfinite_rows, select_rows
from keras_consistency_cli.routes.trace import Outputs, Result, Rows

if TYPE_CHECKING:
    from keras_consistency_cli.routes.session.session import Session

__all__ = ["DIFFERING", "KEPT", "DifferingDetails", "KeptDetails", "SuspectedLayer", "backend_locators"]

DIFFERING = "differing-layers"
KEPT = "kept-layers"
_ROWS = 64
_MOST_SUSPECTS = 6
_ROUNDING = 2.0**-20
"""Share of a layer's largest output up to which its difference is rounding: sixteen halves of a unit."""
_CLEAR = 1e-2
"""Share of the greatest difference from which on a layer is a suspect as clear as that one."""
_ROW_NUMBERS, _RESULT, _NARROWED = "rows", "result", "narrowed"


class KeptDetails(TypedDict, total=False):
    """Details of the route `kept-layers`: layers whose own code names a backend."""

    bound: list[BoundLayer]


class SuspectedLayer(TypedDict):
    """A layer with different outputs for the same inputs, or with different inputs after layers that agree.

    The latter have `code`, the class whose code computes these inputs. `left` is the greatest difference by
    output of the model if this suspect and those before it are given their tensors on the backend in use.
    """

    layer: str
    kind: str
    difference: float
    failed: bool
    code: str
    left: dict[str, float]


class DifferingDetails(TypedDict, total=False):
    """Details of the route `differing-layers`.

    `plain` are the differences without any change, `scale` the largest outputs on the backend in use.
    `layers` are the suspects, those that differ most first. `nonfinite` counts rows with NaN or infinity,
    and `finite` are the differences of the other rows. `narrowed` are the differences if the backend in use
    gets whole numbers cut to 32 bits; it is there if this backend holds no others.
    """

    plain: dict[str, float]
    scale: dict[str, float]
    layers: list[SuspectedLayer]
    nonfinite: int
    finite: dict[str, float]
    narrowed: dict[str, float]


def _keep_layers(session: Session, rows: Rows) -> Result:
    """Return the outputs of each layer and of the model for one batch, as arrays."""
    size = session.facts.batch_size or min(_ROWS, max(session.small_batch, 1))
    while True:
        batch, positions = session.some_rows(rows, size)
        calls, result = record_calls(session, batch)
        total = sum(values.nbytes for call in calls for values in (*call.inputs, *call.outputs))
        if total <= session.options.budget or size == 1 or session.facts.batch_size:
            break
        size = max(1, int(size * session.options.budget / total))
    kept = {_ROW_NUMBERS: np.arange(count_rows(batch)) if positions is None else positions}
    kept |= {f"{_RESULT}/{name}": values for name, values in result.items()}
    kept |= {f"{_NARROWED}/{name}": values for name, values in _run_narrowed(session, batch).items()}
    details: KeptDetails = {"bound": find_bound_layers(session.model)}
    return Result(outputs=kept | dict(_tensors_by_call(calls)), details=details)


def _tensors_by_call(calls: Sequence[CallRecord]) -> Iterator[tuple[str, np.ndarray]]:
    for number, call in enumerate(calls):
        for group, tensors in (("taken", call.inputs), ("made", call.outputs)):
            yield from ((f"{number}/{group}/{place}", values) for place, values in enumerate(tensors))


def _run_narrowed(session: Session, rows: Rows) -> Outputs:
    """Run the model on whole numbers cut to 32 bits; nothing if all of them fit into these."""
    narrowed = {
        name: values.astype(np.int32).astype(values.dtype)
        for name, values in rows.items()
        if is_integer(values.dtype) and values.dtype.itemsize > np.dtype(np.int32).itemsize
    }
    if all(np.array_equal(values, rows[name]) for name, values in narrowed.items()):
        return {}
    session.restore()
    try:
        return session.call({**rows, **narrowed}, training=False)
    except Exception:
        return {}  # the model takes no such numbers


def _find_differing(session: Session, rows: Rows) -> Result:
    """Compare the layers of this backend with those that the other worker kept."""
    batch = select_rows(rows, session.given[_ROW_NUMBERS])
    kept, result = _kept_calls(session.given), _group(session.given, _RESULT)
    plain = run_holding(session, batch, kept, ())
    details: DifferingDetails = {
        "plain": differences(plain.outputs, result),
        "scale": {name: largest_number(values) for name, values in result.items()},
        "layers": list(_suspects(session, batch, kept, result)),
    }
    bad = mark_nonfinite_rows(batch)
    if bad.any() and not bad.all() and plain.outputs is not None:
        details["nonfinite"] = int(bad.sum())
        finite, expected = ({name: each[~bad] for name, each in of.items()} for of in (plain.outputs, result))
        details["finite"] = differences(finite, expected)
    narrowed = _group(session.given, _NARROWED)
    if narrowed and not _holds_int64():
        details["narrowed"] = differences(plain.outputs, narrowed)
    return Result(outputs={}, details=details)


def _kept_calls(given: Mapping[str, np.ndarray]) -> list[KeptCall]:
    """The calls of the other worker, in order."""
    calls: dict[int, dict[str, list[np.ndarray]]] = {}
    for name, values in given.items():
        number, _, rest = name.partition("/")
        if number.isdigit():
            group = calls.setdefault(int(number), {"taken": [], "made": []})
            group[rest.partition("/")[0]].append(values)
    return [KeptCall(**calls.get(number, {})) for number in range(max(calls, default=-1) + 1)]


def _group(given: Mapping[str, np.ndarray], group: str) -> dict[str, np.ndarray]:
    start = f"{group}/"
    return {name.removeprefix(start): each for name, each in given.items() if name.startswith(start)}


def _suspects(
    session: Session, rows: Rows, kept: Sequence[KeptCall], result: Outputs
) -> Iterator[SuspectedLayer]:
    """Yield the suspects, each with what is left if it is switched off too.

    A layer that differs for the same inputs is given its outputs, one with different inputs is given those.
    """
    everything = range(len(kept))
    calls = run_holding(session, rows, kept, everything, everything).calls
    held, taking = list[int](), list[int]()
    for number in _in_order(calls)[:_MOST_SUSPECTS]:
        call = calls[number]
        if call.before > _ROUNDING:
            taking.append(number)
        if call.difference > _ROUNDING:
            held.append(number)
        yield {
            "layer": call.layer,
            "kind": call.kind,
            "difference": call.greatest,
            "failed": call.failed,
            "code": call.around if call.difference <= _ROUNDING else "",
            "left": differences(run_holding(session, rows, kept, held, taking).outputs, result),
        }


def _in_order(calls: Sequence[HeldCall]) -> list[int]:
    """The numbers of suspects in the order in which they are held.

    Those that differ most come first, in the order of calls: the outputs of a later layer hide what an
    earlier one does.
    """
    suspects = [number for number, call in enumerate(calls) if call.greatest > _ROUNDING]
    most = max((call.greatest for call in calls), default=0.0)
    clear = [number for number in suspects if calls[number].greatest >= _CLEAR * most]
    others = (number for number in suspects if number not in clear)
    return [*clear, *sorted(others, key=lambda number: -calls[number].greatest)]


def _holds_int64() -> bool:
    """Whether tensors of this backend hold whole numbers of 64 bits."""
    import keras

    tensor: Any = keras.ops.convert_to_tensor(np.array([2**40], np.int64))
    return "int64" in str(keras.backend.standardize_dtype(tensor.dtype))


def backend_locators(backends: Sequence[str]) -> tuple[Route, ...]:
    """Return the routes that find the layers where these backends differ from the one in use."""
    if not backends:
        return ()
    route = Route(name=DIFFERING, summary="the layers that differ", run=_find_differing, needs=KEPT)
    return (
        Route(name=KEPT, summary="the outputs of each layer", run=_keep_layers),
        *(route.on_target("backend", backend, f" with the backend {backend}") for backend in backends),
    )
