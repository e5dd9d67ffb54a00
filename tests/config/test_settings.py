"""Settings: allowed values, defaults, and the limits that follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.report_targets import Destination
from keras_consistency_cli.config.setting_types import CheckOptions
from keras_consistency_cli.config.settings import Settings, load_settings
from keras_consistency_cli.config.strict_yaml import read_yaml
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.measurement.policy import Policy, UserLimit

CONFIGS = Path(__file__).parents[2] / "configs"


def load(**flags: Any) -> Settings:
    """Load settings from flags alone."""
    return load_settings({"model": "m.keras", **flags}, {})


def test_the_defaults() -> None:
    assert load().model_dump(by_alias=True) == {
        "model": Path("m.keras"),
        "data": None,
        "columns": (),
        "drop": (),
        "window": None,
        "scaler": None,
        "preprocess": None,
        "reference": None,
        "served": None,
        "expected": None,
        "target_scaler": None,
        "exports": (),
        "try_export": (),
        "endpoints": (),
        "endpoint_requests": 200,
        "custom_objects": (),
        "rows": 256,
        "batch_size": 32,
        "seed": 0,
        "select": (),
        "ignore": (),
        "backend": "tensorflow",
        "backends": (),
        "format": ("terminal",),
        "output": None,
        "bundle": None,
        "fail_on": "fail",
        "tolerance": "calibrated",
        "trust": {"scaler": False, "code": False},
        "timeout": 600.0,
        "total_timeout": None,
        "memory_limit": None,
        "isolation": "auto",
        "facts": {
            "time_axis": None,
            "padding": None,
            "lengths": None,
            "variable_length": False,
            "step_by_step": None,
            "low_precision": "reported",
            "stateful_rows": "independent",
            "data_state": "raw",
            "scaler_input": None,
            "feature_names": None,
            "value_range": None,
        },
        "checks": {
            "batch-size": {"sizes": (1, 2, 3, 7, 32)},
            "distribution-shift": {"effect": 0.5, "outside": 0.05, "severity": "warn"},
        },
        "require": (),
        "exit_first": False,
        "quick": False,
        "exit_zero": False,
        "quiet": False,
        "verbose": False,
        "debug": False,
        "color": "auto",
    }


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().rows = 3


@pytest.mark.parametrize(
    ("tolerance", "policy"),
    [
        ("calibrated", Policy()),
        ("exact", Policy(exact=True)),
        ({"rtol": 1e-5, "atol": 0}, Policy(stated=UserLimit(rtol=1e-5, atol=0.0))),
        (
            {"a": {"rtol": 0, "atol": 1e-6}, "rtol": {"rtol": 1, "atol": 2}},
            Policy(
                per_output=(
                    ("a", UserLimit(rtol=0.0, atol=1e-6)),
                    ("rtol", UserLimit(rtol=1.0, atol=2.0)),
                )
            ),
        ),
    ],
)
def test_the_policy_follows_the_tolerance(tolerance: object, policy: Policy) -> None:
    assert Settings.model_validate({"model": "m.keras", "tolerance": tolerance}).policy() == policy


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rows", 0),
        ("rows", True),
        ("rows", 2.0),
        ("rows", "64"),
        ("batch_size", 0),
        ("batch_size", 2**31),
        ("seed", -1),
        ("seed", 2**32),
        ("total_timeout", 0),
        ("memory_limit", 0),
        ("memory_limit", float("inf")),
        ("isolation", "partial"),
        ("timeout", 0),
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", True),
        ("backend", "theano"),
        ("format", "xml"),
        ("format", []),
        ("format", ["json", "xml"]),
        ("format", "json="),
        ("format", "json=a\0b"),
        ("format", [5]),
        ("fail_on", "never"),
        ("color", True),
        ("debug", 1),
        ("model", ""),
        ("model", 5),
        ("data", "a\0b"),
        ("data", "\ud800"),
        ("custom_objects", "layers.py"),
        ("custom_objects", [""]),
        ("select", "KC1"),
        ("select", [""]),
        ("tolerance", "loose"),
        ("tolerance", {}),
        ("tolerance", {"rtol": 1e-5}),
        ("tolerance", {"rtol": float("nan"), "atol": 0}),
        ("tolerance", {"rtol": -1e-5, "atol": 0}),
        ("tolerance", {"rtol": 0, "atol": float("inf")}),
        ("tolerance", {"rtol": 0, "atol": True}),
        ("tolerance", {"out0": 1e-5}),
        ("tolerance", {"": {"rtol": 0, "atol": 0}}),
        ("trust", True),
        ("trust", {"scaler": "true"}),
        ("facts", {"stateful_rows": "sometimes"}),
        ("facts", {"time_axis": 0}),
        ("facts", {"padding": {"side": "both"}}),
        ("facts", {"step_by_step": "by hand"}),
        ("checks", {"batch-size": {"sizes": []}}),
        ("checks", {"batch-size": {"sizes": [0]}}),
        ("checks", {"batch_size": {"sizes": [1]}}),
        ("surprise", 1),
    ],
)
def test_invalid_values_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"model": "m.keras", option: value})


def test_whole_numbers_are_valid_limits_and_seconds() -> None:
    settings = Settings.model_validate(
        {"model": "m.keras", "timeout": 5, "tolerance": {"rtol": 0, "atol": 1}}
    )
    assert (settings.timeout, settings.policy()) == (5.0, Policy(stated=UserLimit(rtol=0.0, atol=1.0)))


def test_a_model_is_required(wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings({}, {})
    assert str(caught.value) == wording


def test_default_yaml_states_every_option_with_its_default() -> None:
    path = CONFIGS / "default.yaml"
    assert set(read_yaml(path).data) == {field.alias or name for name, field in Settings.model_fields.items()}
    assert load(config=str(path)) == load()


def test_strict_yaml_has_stricter_settings() -> None:
    strict = load(config=str(CONFIGS / "strict.yaml"))
    sizes = (1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64)
    assert strict == load().model_copy(
        update={
            "rows": "all",
            "fail_on": "warn",
            "checks": CheckOptions.model_validate({"batch-size": {"sizes": sizes}}),
        }
    )


def test_example_files_are_valid_and_name_files_next_to_them() -> None:
    examples = [path for path in CONFIGS.glob("*.yaml") if path.stem not in ("default", "strict")]
    assert len(examples) >= 3
    for path in examples:
        assert load_settings({"config": str(path)}, {}).model == CONFIGS / "model.keras"


@pytest.mark.parametrize(
    "flags",
    [
        {"scaler": "s.pkl", "preprocess": "a.py:f"},
        {"served": "s.npy"},
    ],
)
def test_conflicting_options_are_refused(flags: dict[str, str], wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        load(**flags)
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("value", "formats"), [("json", ("json",)), (["junit=r.xml", "terminal"], ("junit=r.xml", "terminal"))]
)
def test_a_format_is_one_word_or_a_list(value: object, formats: tuple[str, ...]) -> None:
    assert Settings.model_validate({"model": "m.keras", "format": value}).format == formats


def test_reports_go_to_their_files_and_one_to_standard_output() -> None:
    settings = load(format=["junit=r.xml", "html=a=b.html", "terminal"])
    assert settings.destinations() == (
        Destination(format="junit", path=Path("r.xml"), flag="--format junit="),
        Destination(format="html", path=Path("a=b.html"), flag="--format html="),
        Destination(format="terminal", flag="--format terminal="),
    )
    assert load(format=["junit=r.xml", "json"], output="r.json").destinations()[1] == Destination(
        format="json", path=Path("r.json"), flag="--output "
    )


@pytest.mark.parametrize(
    "flags",
    [
        {"format": ["json", "junit"]},
        {"format": ["json=r"], "output": "s"},
        {"format": ["json=r", "html=./r"]},
        {"format": ["json=r", "html"], "output": "x/../r"},
    ],
)
def test_conflicting_destinations_are_refused(flags: dict[str, Any], wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        load(**flags)
    assert str(caught.value) == wording


def test_facts_and_limits_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "kcheck.yaml"
    path.write_text(
        "model: m.keras\nfacts: "
        "{data_state: scaled, scaler_input: left, feature_names: [age, income], value_range: [0, 255]}\n"
        "checks: {distribution-shift: {effect: 1, severity: fail}}\n"
    )
    settings = load_settings({"config": str(path)}, {})
    facts, limits = settings.facts, settings.checks.distribution_shift
    assert (facts.data_state, facts.scaler_input, facts.feature_names, facts.value_range) == (
        "scaled",
        "left",
        ("age", "income"),
        (0, 255),
    )
    assert (limits.effect, limits.outside, limits.severity) == (1, 0.05, "fail")


@pytest.mark.parametrize(
    "text",
    [
        "facts: {data_state: normal}",
        "facts: {value_range: [255, 0]}",
        "checks: {distribution-shift: {outside: 5}}",
    ],
)
def test_invalid_facts_are_refused(tmp_path: Path, text: str, wording: SnapshotAssertion) -> None:
    path = tmp_path / "kcheck.yaml"
    path.write_text(f"model: m.keras\n{text}\n")
    with pytest.raises(UsageError) as caught:
        load_settings({"config": str(path)}, {})
    assert str(caught.value).replace(str(path), "kcheck.yaml") == wording
