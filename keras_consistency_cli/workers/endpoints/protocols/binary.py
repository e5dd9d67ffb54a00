"""The binary extension of V2: tensors follow the JSON as bytes. JSON cannot say float16 or bfloat16.

It is used if the service lists it and declares such a type; otherwise JSON is, as most callers send it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from keras_consistency_cli.workers.endpoints.errors import AnswerError, ShapeError
from keras_consistency_cli.workers.endpoints.protocols.wire import (
    Answer,
    Json,
    in_shape,
    read_json,
    shape_data,
)

__all__ = ["EXTENSION", "HEADER_LENGTH", "NARROW", "decode_binary", "encode_binary", "with_digits"]

EXTENSION = "binary_tensor_data"
HEADER_LENGTH = "Inference-Header-Content-Length"
NARROW: Mapping[str, int] = {"FP16": 3, "BF16": 2}
"""Types that JSON cannot say, and the decimal digits that they hold."""
_EXACT = 40
_LONGEST = 20
"""Digits of the length of an answer."""
_TYPES: Mapping[str, str] = {
    "BOOL": "?",
    **{
        f"{'U' if code == 'u' else ''}INT{8 * size}": f"<{code}{size}"
        for code in "iu"
        for size in (1, 2, 4, 8)
    },
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "BF16": "<u2",
}

Array = npt.NDArray[np.generic]


def encode_binary(
    tensors: Mapping[str, tuple[str, Array]], parameters: Mapping[str, Json] | None = None
) -> tuple[bytes, int]:
    """Return a request, and the length of the JSON that it begins with.

    Args:
        tensors: by name of the input, its type in the words of the service and the rows.
        parameters: further parameters of the request.
    """
    parts = {name: _to_bytes(datatype, values) for name, (datatype, values) in tensors.items()}
    inputs = [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": datatype,
            "parameters": {"binary_data_size": len(parts[name])},
        }
        for name, (datatype, values) in tensors.items()
    ]
    header = json.dumps(
        {"inputs": inputs, "parameters": {**(parameters or {}), "binary_data_output": True}}
    ).encode()
    return header + b"".join(parts.values()), len(header)


def _to_bytes(datatype: str, values: Array) -> bytes:
    if datatype != "BF16":
        return np.ascontiguousarray(values, _TYPES.get(datatype, "<f8")).tobytes()
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    rounded = bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))  # to the nearest, ties to even
    return (rounded >> np.uint64(16)).astype("<u2").tobytes()


def decode_binary(body: bytes, length: str) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the outputs of an answer as nested lists, and their types.

    Args:
        body: JSON, and the tensors behind it.
        length: the length of the JSON, as the header of the answer says; "" for an answer in JSON only.

    Raises:
        AnswerError: it cannot be read.
        ShapeError: a tensor does not have the size of its shape.
    """
    start = int(length) if length.isdecimal() and len(length) <= _LONGEST else len(body)
    document = read_json(body[:start])
    listed = document.get("outputs") if isinstance(document, dict) else None
    outputs: dict[str, Json] = {}
    types: dict[str, str] = {}
    for output in listed if isinstance(listed, list) else []:
        if isinstance(output, dict):
            name, size = str(output.get("name", "")), _size(output)
            types[name] = str(output.get("datatype", ""))
            outputs[name] = shape_data(output) if size is None else _read(output, body[start : start + size])
            start += size or 0
    if not outputs:
        raise AnswerError("the answer has no outputs")
    return outputs, types


def _size(output: Mapping[str, Json]) -> int | None:
    """Return how many bytes behind the JSON belong to an output, None for one that is in the JSON."""
    parameters = output.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    return int(size) if isinstance(size, float | int) and math.isfinite(size) else None


def _read(output: Mapping[str, Json], content: bytes) -> Json:
    datatype = str(output.get("datatype", ""))
    if datatype not in _TYPES:
        raise AnswerError(f"the answer has values of the type {datatype[:20]!r}")
    amount = f"{len(content)} bytes"
    try:
        values = np.frombuffer(content, _TYPES[datatype])
    except ValueError as error:
        raise ShapeError(f"an output has {amount}, which are not whole values of {datatype}") from error
    if datatype == "BF16":
        values = (values.astype("<u4") << 16).view("<f4")
    listed: Json = in_shape(values.astype(np.float64), output.get("shape"), amount).tolist()
    return listed


def with_digits(answers: Mapping[str, Answer], types: Mapping[str, str]) -> Iterator[tuple[str, Answer]]:
    """Yield the answers with the digits that their types hold: all of them, or those of float16."""
    narrow = next((NARROW[kind] for kind in types.values() if kind in NARROW), _EXACT)
    for name, answer in answers.items():
        yield name, replace(answer, digits=narrow, decimals=_EXACT)
