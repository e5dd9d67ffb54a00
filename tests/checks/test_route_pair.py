"""Any two routes can be compared, those of exports too."""

from __future__ import annotations

import pytest

from keras_consistency_cli.checks.route_pair import check_labels, comparison_check
from keras_consistency_cli.errors import UsageError


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [("one-by-one", "predict"), ("predict@m.onnx", "predict"), ("exact@m.onnx", "predict@m.tflite")],
)
def test_a_check_of_two_routes(candidate: str, reference: str) -> None:
    (pair,) = comparison_check(candidate, reference).pairs
    assert (pair.candidate, pair.reference) == (candidate, reference)


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [("predikt", "predict"), ("call@m.onnx", "predict"), ("exact", "predict"), ("predict", "predict")],
)
def test_what_gives_no_outputs_is_refused(candidate: str, reference: str) -> None:
    with pytest.raises(UsageError):
        comparison_check(candidate, reference)


def test_an_export_must_be_one_of_the_run() -> None:
    check = comparison_check("predict@m.onnx", "predict")
    check_labels(check, ["m.onnx", "m.tflite"])
    with pytest.raises(UsageError) as caught:
        check_labels(check, ["m.tflite"])
    assert caught.value.expected == "m.tflite"
    with pytest.raises(UsageError):
        check_labels(check, [])
