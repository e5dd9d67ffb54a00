"""The protocols of services: how rows become a request, and an answer becomes outputs.

A request is made of input rows by name; the answers come back by output name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.config.endpoints import Endpoint, Protocol
from keras_consistency_cli.workers.endpoints.errors import AnswerError, ShapeError
from keras_consistency_cli.workers.endpoints.protocols.interface import Interface
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer, Json, shape_data, to_array

__all__ = [
    "Form",
    "Rows",
    "detect",
    "encode",
    "form_of",
    "match_outputs",
    "tensors_of_v2",
]

Rows = Mapping[str, npt.NDArray[np.generic]]
_DATATYPES = {
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    "bool": "BOOL",
}


@dataclass(frozen=True, kw_only=True)
class Form:
    """One protocol: its body for rows, and the outputs in its answer."""

    body: Callable[[Rows, Interface], Json]
    outputs: Callable[[Json], dict[str, Json]]


def detect(endpoint: Endpoint) -> Protocol:
    """Return the protocol: as stated, plain JSON for documents of the user's own, or by the URL."""
    if endpoint.protocol != "auto":
        return endpoint.protocol
    if endpoint.has_own_documents:
        return "json"
    path = urlsplit(endpoint.url).path
    if path.endswith(":predict"):
        return "tfserving"
    if path.endswith("/infer"):
        return "v2"
    return "mlflow" if path.endswith("/invocations") else "json"


def _plain(values: npt.NDArray[np.generic]) -> Json:
    """Numbers as the shortest decimals that are read as the same float32 or float64 again."""
    if values.dtype == np.float32:
        # The digits of its float64 are refused by some services.
        values = np.array([float(str(value)) for value in values.ravel()]).reshape(values.shape)
    listed: Json = values.tolist()
    return listed


def _row_form(rows: Rows, interface: Interface) -> Json:
    return {"instances": _listed(rows, interface)}


def _listed(rows: Rows, interface: Interface) -> Json:
    """The rows as one list: bare values for one input, one object for each row for several."""
    return _plain(next(iter(rows.values()))) if len(rows) == 1 else _records(rows, interface)


def _records(rows: Rows, interface: Interface) -> list[Json]:
    """One object for each row, with the names of its inputs or columns."""
    named = _named(rows, interface)
    columns = [_plain(values) for values in named.values()]
    return [dict(zip(named, row, strict=True)) for row in zip(*columns, strict=True)]


def _column_form(rows: Rows, _interface: Interface) -> Json:
    if len(rows) == 1:
        return {"inputs": _plain(next(iter(rows.values())))}
    return {"inputs": {name: _plain(values) for name, values in rows.items()}}


def _v2(rows: Rows, interface: Interface) -> Json:
    inputs: list[Json] = []
    for name, (datatype, values) in tensors_of_v2(rows, interface).items():
        shape: list[Json] = [int(size) for size in values.shape]
        data = _plain(values.ravel())
        inputs.append(
            {
                "name": name,
                "shape": shape,
                "datatype": datatype,
                "data": data,
                "parameters": {"content_type": "np"},
            }
        )
    return {"inputs": inputs}


def tensors_of_v2(rows: Rows, interface: Interface) -> dict[str, tuple[str, npt.NDArray[np.generic]]]:
    """Return the rows by the service's names, with its types."""
    return {
        name: (interface.inputs.get(name) or _DATATYPES.get(values.dtype.name, "FP64"), values)
        for name, values in _named(rows, interface).items()
    }


def _named(rows: Rows, interface: Interface) -> Rows:
    """The rows by the service's names; one input has whatever name the service gives it."""
    declared = list(interface.inputs)
    if len(rows) == 1 and len(declared) == 1:
        return {declared[0]: next(iter(rows.values()))}
    return rows


def _take(document: Json, *keys: str) -> Json:
    fields = document if isinstance(document, dict) else {}
    found = [fields[key] for key in keys if key in fields]
    if found and not (found[0] is None and fields.get("error")):
        return found[0]
    if "error" in fields:
        raise AnswerError(f"it answers with an error: {str(fields['error'])[:120]}")
    raise AnswerError(f"the answer has no {' or '.join(repr(key) for key in keys)}")


def _outputs_of_rows(document: Json) -> dict[str, Json]:
    """`predictions`, or whatever key a plain service uses, by row."""
    return _by_output(_take(document, "predictions", "outputs", "instances"))


def _outputs_of_columns(document: Json) -> dict[str, Json]:
    found = _take(document, "outputs", "predictions")
    return dict(found) if isinstance(found, dict) else {"": found}


def _by_output(found: Json) -> dict[str, Json]:
    if isinstance(found, dict):
        return dict(found)
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        first = found[0]
        names = list(first) if isinstance(first, dict) else []
        return {name: [row.get(name) if isinstance(row, dict) else None for row in found] for name in names}
    return {"": found}


def _outputs_of_v2(document: Json) -> dict[str, Json]:
    listed = _take(document, "outputs")
    outputs: dict[str, Json] = {}
    for output in listed if isinstance(listed, list) else []:
        if not isinstance(output, dict) or "data" not in output:
            raise AnswerError("an output of the answer has no data; the binary extension was not asked for")
        outputs[str(output.get("name", ""))] = shape_data(output)
    if not outputs:
        raise AnswerError("the answer has no outputs")
    return outputs


_FORMS: Mapping[Protocol, Form] = {
    "tfserving": Form(body=_row_form, outputs=_outputs_of_rows),
    "tfserving-columns": Form(body=_column_form, outputs=_outputs_of_columns),
    "v2": Form(body=_v2, outputs=_outputs_of_v2),
    "mlflow": Form(body=_column_form, outputs=_outputs_of_rows),
    "json": Form(body=_row_form, outputs=_outputs_of_rows),
}


def form_of(protocol: Protocol, template: Json, path: str) -> Form:
    """Return the form of a protocol; a template and a path replace those of plain JSON.

    Args:
        protocol: the protocol.
        template: a document in which the text ROWS stands for the rows, RECORDS for objects with the names of
            columns, and ROW and RECORD for a single one; None for `{"instances": ROWS}`.
        path: the keys to the answers, separated by dots; "" for the usual one.
    """
    form = _FORMS[protocol]
    if protocol != "json":
        return form
    body = form.body if template is None else lambda rows, interface: _fill(template, rows, interface)
    outputs = form.outputs if not path else lambda document: _by_output(_follow(document, path))
    return Form(body=body, outputs=outputs)


def _fill(template: Json, rows: Rows, interface: Interface) -> Json:
    if template in ("RECORDS", "RECORD"):
        records = _records(rows, interface)
        return records[0] if template == "RECORD" else records
    if template in ("ROWS", "ROW"):
        listed = _listed(rows, interface)
        return listed[0] if template == "ROW" and isinstance(listed, list) else listed
    if isinstance(template, dict):
        return {key: _fill(value, rows, interface) for key, value in template.items()}
    return [_fill(value, rows, interface) for value in template] if isinstance(template, list) else template


def _follow(document: Json, path: str) -> Json:
    for key in path.split("."):
        document = _take(document, key)
    return document


def encode(body: Json) -> bytes:
    """Return a body as JSON; NaN is written as a bare word, as Python does."""
    return json.dumps(body).encode()


def _only_numbers(
    found: Mapping[str, Json], expected: Mapping[str, tuple[int, ...]], rows: int
) -> dict[str, Answer]:
    """Leave out what stands next to the outputs, such as labels: it is no numbers, or has another shape."""
    fitting: dict[str, Answer] = {}
    for name, value in found.items():
        try:
            answer = to_array(value)
        except AnswerError:
            continue
        if answer.values.size in {rows * int(np.prod(shape)) for shape in expected.values()}:
            fitting[name] = answer
    if len(fitting) != len(expected):
        raise ShapeError(f"the answer has {len(found)} outputs, the model {len(expected)}", missing=False)
    return dict(zip(expected, fitting.values(), strict=True))


def match_outputs(
    found: Mapping[str, Json], expected: Mapping[str, tuple[int, ...]], rows: int, *, is_single: bool = False
) -> dict[str, Answer]:
    """Return the answers by the model's output names, in the shapes of its outputs.

    Args:
        found: the outputs of the answer; "" is one without a name.
        expected: by output of the model, the shape of one row.
        rows: the number of rows that were sent.
        is_single: whether requests have one row only, and so answers no axis of rows.

    Raises:
        ShapeError: not one answer for each row, or outputs of other shapes.
    """
    if set(expected) <= set(found):
        named = {name: to_array(found[name]) for name in expected}  # others may be texts, such as labels
    elif len(found) == len(expected):
        named = {name: to_array(value) for name, value in zip(expected, found.values(), strict=True)}
    else:
        named = _only_numbers(found, expected, rows)
    for name, answer in named.items():
        shape = (rows, *expected[name])
        values = answer.values
        if is_single and values.size == int(np.prod(shape)):
            values = values.reshape(shape)
        if len(values.shape) == 0 or values.shape[0] != rows:
            got = values.shape[0] if values.shape else 1
            raise ShapeError(f"{rows} rows were sent, and {got} answers came back")
        if values.size != int(np.prod(shape)):
            raise ShapeError(
                f"an answer has the shape {values.shape[1:]}, an output of the model {shape[1:]}",
                missing=False,
            )
        answer.values = values.reshape(shape)
    return named
