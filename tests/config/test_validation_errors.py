"""complaints: each wrong value in one line, with its source and what was expected; never pydantic's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.errors import UsageError

TOLERANCES = "calibrated, exact, {rtol: 1e-5, atol: 1e-6}, or such a pair for each output name"


def complaint_about(flags: dict[str, object], environ: dict[str, str]) -> str:
    """Return the message that wrong settings lead to."""
    with pytest.raises(UsageError) as caught:
        load_settings({"model": "m.keras", **flags}, environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("rows: 0", "3: rows is 0, expected a whole number of at least 1, or all"),
        ("rows: '5'", "3: rows is '5', expected a whole number of at least 1, or all"),
        ("row: 5", "3: unknown key 'row' (did you mean 'rows'?)"),
        ("\ntrust:\n  scalar: true", "5: unknown key 'scalar' (did you mean 'scaler'?)"),
        ("trust: true", "3: trust is True, expected a mapping with scaler and code"),
        ("tolerance: .nan", f"3: tolerance is nan, expected {TOLERANCES}"),
        ("tolerance:\n  rtol: 1e-5", f"3: tolerance does not state atol, expected {TOLERANCES}"),
        (
            "tolerance:\n  rtol: .nan\n  atol: 0",
            "4: tolerance.rtol is nan, expected a finite number of at least 0",
        ),
        (
            "tolerance:\n  out0:\n    atol: -1\n    rtol: 0",
            "5: tolerance.out0.atol is -1, expected a finite number of at least 0",
        ),
        ("tolerance:\n  out0: {atol: 1}", f"4: tolerance.out0 does not state rtol, expected {TOLERANCES}"),
        ("tolerance: {rtol: 0, atol: 0, atoll: 0}", "3: unknown key 'atoll' (did you mean 'atol'?)"),
        ("checks:\n  batch_size: {}", "4: unknown key 'batch_size' (did you mean 'batch-size'?)"),
        (
            "checks:\n  batch-size:\n    sizes:\n    - 1\n    - 0",
            "7: checks.batch-size.sizes.1 is 0, expected a list of 1 to 32 whole numbers of at least 1",
        ),
        ("custom_objects: ['']", "3: custom_objects.0 is '', expected a list of paths to Python files"),
        ('"\\e[1m": 1', "3: unknown key '\\x1b[1m'"),
    ],
)
def test_a_value_in_the_file(yaml: str, message: str, tmp_path: Path) -> None:
    config = tmp_path / "kcheck.yaml"
    config.write_text(f"# one\n# two\n{yaml}\n", encoding="utf-8")
    assert complaint_about({"config": str(config)}, {}) == f"{config}:{message}"


@pytest.mark.parametrize(
    ("flags", "environ", "message"),
    [
        ({"rows": "many"}, {}, "--rows: rows is 'many', expected a whole number of at least 1, or all"),
        ({"rows": "017"}, {}, "--rows: rows is '017', expected a whole number of at least 1, or all"),
        (
            {"batch_size": "1e2"},
            {},
            "--batch-size: batch_size is 100.0, expected a whole number of at least 1",
        ),
        (
            {"rtol": "nan", "atol": "0"},
            {},
            "--rtol: tolerance.rtol is 'nan', expected a finite number of at least 0",
        ),
        (
            {"rtol": "0", "atol": "-1"},
            {},
            "--atol: tolerance.atol is -1, expected a finite number of at least 0",
        ),
        ({"data": ""}, {}, "--data: data is '', expected a path to a .npy, .npz, .csv or .parquet file"),
        ({"model": ""}, {}, "MODEL: model is '', expected a path to a .keras file"),
        (
            {"select": ["KC1,"]},
            {},
            "--select: select is '', expected a list of check codes, beginnings of codes or names",
        ),
        ({}, {"KCHECK_TIMEOUT": "0"}, "KCHECK_TIMEOUT: timeout is 0, expected a number of seconds above 0"),
        ({}, {"KCHECK_ROWS": ""}, "KCHECK_ROWS: rows is '', expected a whole number of at least 1, or all"),
        ({}, {"KCHECK_DEBUG": "1"}, "KCHECK_DEBUG: debug is 1, expected true or false"),
        (
            {},
            {"KCHECK_ALLOW_UNSAFE": "maybe"},
            "KCHECK_ALLOW_UNSAFE: trust.code is 'maybe', expected true or false",
        ),
    ],
)
def test_a_value_of_a_flag_or_variable(
    flags: dict[str, object], environ: dict[str, str], message: str
) -> None:
    assert complaint_about(flags, environ) == message


def test_three_lines_at_most() -> None:
    flags: dict[str, object] = {"rows": "0", "seed": "-1", "timeout": "0", "batch_size": "0", "color": "red"}
    assert [line.split(":")[0] for line in complaint_about(flags, {}).splitlines()] == [
        "--rows",
        "--batch-size",
        "--seed",
    ]


def test_a_long_value_is_cut() -> None:
    assert len(complaint_about({"format": "x" * 10_000}, {})) < 200
