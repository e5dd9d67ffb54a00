"""The binary extension of V2: bytes there and back, and a service that declares float16."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.workers.endpoints.errors import AnswerError, ShapeError
from keras_consistency_cli.workers.endpoints.protocols.binary import decode_binary, encode_binary
from tests.helpers.asked_services import ask
from tests.helpers.planted_services import COLUMNS, SERVICES, predict
from tests.helpers.stub_services import Stub, refuse_wrong_rows, running

TENSOR = {"name": "y", "parameters": {"binary_data_size": 4}}
ROWS = np.array([[1.5, -2.25, 3.0], [0.1, 1e-3, 64.0]], "float32")


def answer_of(content: bytes, length: int) -> bytes:
    """A service that returns what it gets: the same tensors as outputs."""
    header = json.loads(content[:length])
    return json.dumps({"outputs": header["inputs"]}).encode() + content[length:]


@pytest.mark.parametrize(
    ("datatype", "exact"),
    [("FP32", True), ("FP64", True), ("FP16", False), ("BF16", False), ("INT32", False), ("UINT8", False)],
)
def test_tensors_go_there_and_back(datatype: str, exact: bool) -> None:
    rows = ROWS if datatype[0] in "FB" else np.arange(6).reshape(2, 3)
    content, length = encode_binary({"x": (datatype, rows)})
    answer = answer_of(content, length)
    outputs, types = decode_binary(answer, str(len(answer) - (len(content) - length)))
    assert types == {"x": datatype}
    limit = 0.0 if exact or datatype[0] not in "FB" else 4e-3
    assert np.allclose(np.array(outputs["x"]), rows, rtol=limit, atol=0)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, AnswerError),
        ({"outputs": [{**TENSOR, "datatype": "FP32", "shape": [3]}]}, ShapeError),
        ({"outputs": [{**TENSOR, "datatype": "X", "shape": [1]}]}, AnswerError),
        ({"outputs": [{**TENSOR, "datatype": "FP32", "shape": [float("nan")]}]}, ShapeError),
        ({"outputs": [{**TENSOR, "datatype": "FP32", "shape": [1e400]}]}, ShapeError),
        ({"outputs": [{**TENSOR, "datatype": "FP64", "shape": [1]}]}, ShapeError),
        ({"outputs": [{**TENSOR, "datatype": "FP32", "shape": "x"}]}, None),
    ],
)
def test_answers_that_cannot_be_read(body: dict[str, object], error: type[Exception] | None) -> None:
    header = json.dumps(body).encode()
    for end in (len(header), -1) if error else ():
        with pytest.raises((error or AnswerError, AnswerError)):
            decode_binary(header[:end] + b"abcd", str(len(header)))
    if error is None:
        outputs, _ = decode_binary(header + b"abcd", str(len(header)))
        assert np.ndim(outputs["y"]) == 0


@pytest.mark.parametrize("size", [float("nan"), float("inf"), None])
@pytest.mark.parametrize("length", ["", "9" * 5000])
def test_a_service_may_answer_in_json_nevertheless(size: float | None, length: str) -> None:
    parameters = {} if size is None else {"binary_data_size": size}
    output = {
        "name": "y",
        "datatype": "FP16",
        "shape": [2, 2],
        "data": [1, 2, 3, 4],
        "parameters": parameters,
    }
    outputs, types = decode_binary(json.dumps({"outputs": [output]}).encode(), length)
    assert outputs == {"y": [[1, 2], [3, 4]]}
    assert types == {"y": "FP16"}


@pytest.mark.parametrize("lists_it", [True, False])
def test_a_service_in_float16_is_asked_in_bytes_if_it_lists_the_extension(lists_it: bool) -> None:
    stub = Stub(refuse_wrong_rows(SERVICES["healthy"](predict), COLUMNS), "v2")
    stub.datatype = "FP16"
    stub.extensions = ("binary_tensor_data",) if lists_it else ()
    with running(stub):
        verdicts = ask(stub.url, predict)
        sent = [tensor for request in stub.requests for tensor in request["inputs"]]
    assert any("data" not in tensor for tensor in sent) is lists_it
    assert verdicts["KC912"].status is Status.PASS
    assert (verdicts["KC911"].status is Status.PASS) is not lists_it  # raw rows of float16 lose digits
