from __future__ import annotations

import json

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.report_targets import FORMATS
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.render import REFUSALS, RENDERERS, render
from keras_consistency_cli.reporting.report import Report


@pytest.mark.parametrize("name", FORMATS)
def test_render_passes_the_canvas_to_the_renderer_of_that_name(failing: Report, name: str) -> None:
    text = render(failing, name, width=60, color=True, ascii_only=True)
    assert text == RENDERERS[name](failing, Canvas(width=60, color=True, ascii_only=True))
    assert text.endswith("\n")


def test_formats_say_the_same_verdict(failing: Report) -> None:
    assert tuple(RENDERERS) == FORMATS
    assert set(REFUSALS) <= set(FORMATS)
    assert json.loads(render(failing, "json"))["verdict"] == "inconsistent"
    assert [name for name in FORMATS if "inconsistent" not in render(failing, name)] == []


def test_a_width_too_small_to_read_is_widened(failing: Report) -> None:
    assert render(failing, "terminal", width=0) == render(failing, "terminal", width=40)


def test_an_unknown_format_is_a_usage_error_with_a_suggestion(
    healthy: Report, wording: SnapshotAssertion
) -> None:
    with pytest.raises(UsageError) as caught:
        render(healthy, "jsn\x1b")
    assert "did you mean 'json'?" in caught.value.what
    assert caught.value.expected == ", ".join(FORMATS)
    assert str(caught.value) == wording
