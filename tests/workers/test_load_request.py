"""load request: what a worker is sent, as plain data."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.loading.model_file.archive import Archive
from keras_consistency_cli.workers.load_request import build_load_request, subject_files

ARCHIVE = cast(
    Archive,
    SimpleNamespace(
        keras_version="3.9.0",
        custom_compile=("f",),
        sha256="abc",
        packages=(),
        path="",
        weights=(),
        config={},
    ),
)


def settings(folder: Path, **flags: str) -> Settings:
    return load_settings(
        {"model": str(folder / "m.keras"), **{name: str(folder / value) for name, value in flags.items()}}, {}
    )


def test_every_file_is_sent_as_plain_data(tmp_path: Path) -> None:
    chosen = settings(
        tmp_path,
        data="x.npy",
        preprocess="serve.py:prepare",
        reference="x.npy",
        served="x.npy",
        target_scaler="s.joblib",
    )
    request = build_load_request(chosen, ARCHIVE, sizes=(2,))
    assert json.loads(json.dumps(request)) == request
    expected = {
        "model": str(tmp_path / "m.keras"),
        "data": str(tmp_path / "x.npy"),
        "reference": str(tmp_path / "x.npy"),
        "served": str(tmp_path / "x.npy"),
        "scaler": None,
        "preprocess": str(tmp_path / "serve.py:prepare"),
        "target_scaler": str(tmp_path / "s.joblib"),
        "data_state": "raw",
    }
    assert {name: request["files"][name] for name in expected} == expected
    assert request["options"] == {"batch_size": 32, "sizes": [2], "seed": 0}


def test_the_archive_decides_what_is_loaded_and_how(tmp_path: Path) -> None:
    files = build_load_request(settings(tmp_path), ARCHIVE, sizes=())["files"]
    assert (files["saved_with"], files["compiled"], files["model_sha256"]) == ("3.9.0", False, "abc")


def test_without_scaler_or_function_nothing_scales_the_rows(tmp_path: Path) -> None:
    assert subject_files(settings(tmp_path)).scales is False
    assert subject_files(settings(tmp_path, preprocess="serve.py:prepare")).scales is True


def with_facts(folder: Path, facts: str) -> Settings:
    """Settings of a YAML file with facts that the owner states."""
    (folder / "k.yaml").write_text(f"facts: {{{facts}}}\n", encoding="utf-8")
    flags = {
        "model": str(folder / "m.keras"),
        "data": str(folder / "x.npy"),
        "config": str(folder / "k.yaml"),
    }
    return load_settings(flags, {})


def test_lengths_are_relative_to_the_yaml_file(tmp_path: Path) -> None:
    request = build_load_request(with_facts(tmp_path, "lengths: ones.npy"), ARCHIVE, sizes=())
    assert request["files"]["lengths"] == str(tmp_path / "ones.npy")


@pytest.mark.parametrize(
    ("padding", "sent"),
    [
        ("{side: left}", {"padding_side": "left"}),
        ("{value: -1.0}", {"padding_value": -1.0}),
        ("{value: 0.0, side: right}", {"padding_side": "right", "padding_value": 0.0}),
    ],
)
def test_only_the_stated_facts_of_padding_are_sent(
    tmp_path: Path, padding: str, sent: dict[str, Any]
) -> None:
    options = build_load_request(with_facts(tmp_path, f"padding: {padding}"), ARCHIVE, sizes=())["options"]
    assert {name: value for name, value in options.items() if name.startswith("padding")} == sent


@pytest.mark.parametrize(
    ("facts", "stated"),
    [
        ("padding: {value: 0}", True),
        ("variable_length: true", True),
        ("time_axis: 1", True),
        ("step_by_step: one-step", True),
        ("time_axis: 2, variable_length: true", False),
        ("data_state: scaled", False),
    ],
)
def test_facts_that_state_time_on_axis_1(tmp_path: Path, facts: str, stated: bool) -> None:
    request = build_load_request(with_facts(tmp_path, facts), ARCHIVE, sizes=())
    assert request["files"]["time_stated"] is stated
