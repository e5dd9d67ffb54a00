"""The reason in errors of Keras."""

from __future__ import annotations

import pytest

from keras_consistency_cli.loading.model.keras_errors import describe_innermost, innermost_text

WRAPPED = (
    "<class 'Sequential'> could not be deserialized properly. Please ensure that components are explicit.\n\n"
    "config={'module': 'keras'}.\n\nException encountered: {}"
)
LAYER = "No shape of 'bad'. Error encountered:\n\nTwo sizes.\n\nArguments received by Bad.call():\n x"
GRAPH_TRACE = 'in user code:\n\n    File "/a/b.py", line 9, in g\n    f(a)\n\n    ValueError: Two sizes.'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no wrapping", "no wrapping"),
        (WRAPPED.replace("{}", "two dtypes"), "two dtypes"),
        (WRAPPED.replace("{}", WRAPPED.replace("{}", "wrapped twice")), "wrapped twice"),
        (WRAPPED.replace("{}", "Inputs have dtypes:\n\n  float32, float64"), None),
        ("", "ValueError"),
        (LAYER, "Two sizes."),
        (GRAPH_TRACE, "Two sizes."),
    ],
    ids=["plain", "wrapped", "twice", "two lines", "empty", "of a layer", "of a graph"],
)
def test_innermost_text_is_the_reason(text: str, reason: str | None) -> None:
    assert innermost_text(ValueError(text)) == (reason or "Inputs have dtypes: float32, float64")


def test_an_error_is_described_by_class_and_reason() -> None:
    assert (
        describe_innermost(TypeError(WRAPPED.replace("{}", "two\x1b[1m dtypes\x1b[0m")))
        == "TypeError: two dtypes"
    )
