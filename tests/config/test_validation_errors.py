"""Validation errors: each wrong value in one line, with its source and the expected value, without pydantic's
words.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.errors import UsageError


def message_for(flags: dict[str, object], environ: dict[str, str]) -> str:
    """Return the message for wrong settings."""
    with pytest.raises(UsageError) as caught:
        load_settings({"model": "m.keras", **flags}, environ)
    return str(caught.value)


@pytest.mark.parametrize(
    "yaml",
    [
        "rows: 0",
        "rows: '5'",
        "row: 5",
        "\ntrust:\n  scalar: true",
        "trust: true",
        "tolerance: .nan",
        "tolerance:\n  rtol: 1e-5",
        "tolerance:\n  rtol: .nan\n  atol: 0",
        "tolerance:\n  out0:\n    atol: -1\n    rtol: 0",
        "tolerance:\n  out0: {atol: 1}",
        "tolerance: {rtol: 0, atol: 0, atoll: 0}",
        "checks:\n  batch_size: {}",
        "checks:\n  batch-size:\n    sizes:\n    - 1\n    - 0",
        "custom_objects: ['']",
        '"\\e[1m": 1',
        "<limit>: 1",
        '"\\0limit": 1',
        "tolerance:\n  <limit>: {atol: 1}",
    ],
)
def test_a_value_in_the_file(yaml: str, wording: SnapshotAssertion, tmp_path: Path) -> None:
    config = tmp_path / "kcheck.yaml"
    config.write_text(f"# one\n# two\n{yaml}\n", encoding="utf-8")
    assert message_for({"config": str(config)}, {}).replace(str(config), "kcheck.yaml") == wording


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"rows": "many"}, {}),
        ({"rows": "017"}, {}),
        ({"batch_size": "1e2"}, {}),
        ({"rtol": "nan", "atol": "0"}, {}),
        ({"rtol": "0", "atol": "-1"}, {}),
        ({"data": ""}, {}),
        ({"model": ""}, {}),
        ({"select": ["KC1,"]}, {}),
        ({}, {"KCHECK_TIMEOUT": "0"}),
        ({}, {"KCHECK_ROWS": ""}),
        ({}, {"KCHECK_DEBUG": "1"}),
        ({}, {"KCHECK_ALLOW_UNSAFE": "maybe"}),
    ],
)
def test_a_value_of_a_flag_or_variable(
    flags: dict[str, object], environ: dict[str, str], wording: SnapshotAssertion
) -> None:
    assert message_for(flags, environ) == wording


def test_three_lines_at_most() -> None:
    flags: dict[str, object] = {"rows": "0", "seed": "-1", "timeout": "0", "batch_size": "0", "color": "red"}
    assert [line.split(":")[0] for line in message_for(flags, {}).splitlines()] == [
        "--rows",
        "--batch-size",
        "--seed",
    ]


def test_a_long_value_is_cut() -> None:
    assert len(message_for({"format": "x" * 10_000}, {})) < 200
