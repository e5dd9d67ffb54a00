"""Sources: defaults < YAML < environment < flags, and the source of each value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.config.sources import read_layers
from keras_consistency_cli.errors import UsageError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A YAML file with a value of each kind."""
    path = tmp_path / "kcheck.yaml"
    path.write_text(
        "model: m.keras\ncustom_objects: [layers.py, /abs/more.py]\nrows: 10\nbatch_size: 4\nseed: 1\n"
        "tolerance: {rtol: 1e-5, atol: 1e-6}\ntrust: {scaler: true}\noutput: null\nselect: [KC1]\n",
        encoding="utf-8",
    )
    return path


def test_each_layer_wins_over_the_one_before(config: Path) -> None:
    environ = {"KCHECK_CONFIG": str(config), "KCHECK_BATCH_SIZE": "5", "KCHECK_SEED": "2", "PATH": "/bin"}
    settings = load_settings({"seed": "3", "data": None, "select": []}, environ)
    assert (settings.rows, settings.batch_size, settings.seed, settings.select) == (10, 5, 3, ("KC1",))


def test_paths_in_the_file_are_relative_to_it_and_others_are_not(config: Path) -> None:
    settings = load_settings({"config": str(config), "data": "x.npy"}, {"KCHECK_SCALER": "s.pkl"})
    assert settings.model == config.parent / "m.keras"
    assert settings.custom_objects == (config.parent / "layers.py", Path("/abs/more.py"))
    assert (settings.data, settings.scaler, settings.output) == (Path("x.npy"), Path("s.pkl"), None)


def test_the_flag_for_the_file_wins_over_the_variable(config: Path) -> None:
    assert load_settings({"config": str(config)}, {"KCHECK_CONFIG": "none.yaml"}).rows == 10


def test_trust_is_merged_key_by_key(config: Path) -> None:
    trust = load_settings({"config": str(config), "allow_unsafe": True}, {}).trust
    assert (trust.scaler, trust.code) == (True, True)
    trust = load_settings({"config": str(config)}, {"KCHECK_TRUST_SCALER": "false"}).trust
    assert (trust.scaler, trust.code) == (False, False)


def test_limits_of_a_later_layer_replace_those_of_an_earlier_one(config: Path) -> None:
    layers = read_layers({"config": str(config), "rtol": "0", "atol": "1e-3"}, {"KCHECK_EXACT": "true"})
    assert layers.values["tolerance"] == {"rtol": 0, "atol": 1e-3}
    assert {path: origin for path, origin in layers.origins.items() if path[0] == "tolerance"} == {
        ("tolerance",): "--rtol",
        ("tolerance", "rtol"): "--rtol",
        ("tolerance", "atol"): "--atol",
    }
    assert read_layers({"config": str(config), "exact": True}, {}).values["tolerance"] == "exact"


@pytest.mark.parametrize(
    ("rtol", "atol", "tolerance"),
    [
        (["1e-5"], ["0"], {"rtol": 1e-5, "atol": 0}),
        (["0"], ["a:1e-4,b/c:2"], {"a": {"rtol": 0, "atol": 1e-4}, "b/c": {"rtol": 0, "atol": 2}}),
        (["a:1", "b:2"], ["b:0", "a:3"], {"a": {"rtol": 1, "atol": 3}, "b": {"rtol": 2, "atol": 0}}),
        (["rtol:1"], ["0"], {"rtol": {"rtol": 1, "atol": 0}}),
        (["x:y:1"], ["0"], {"x:y": {"rtol": 1, "atol": 0}}),
        (["1", "2"], ["0"], {"rtol": ["1", "2"], "atol": 0}),
        (["1", "a:2"], ["0"], {"rtol": ["1", "a:2"], "atol": 0}),
    ],
)
def test_limits_may_be_stated_by_output(rtol: list[str], atol: list[str], tolerance: dict[str, Any]) -> None:
    assert read_layers({"rtol": rtol, "atol": atol}, {}).values["tolerance"] == tolerance


def test_limits_by_output_keep_their_source() -> None:
    layers = read_layers({}, {"KCHECK_RTOL": "a:1", "KCHECK_ATOL": "a:2"})
    assert [layers.origin(("tolerance", "a", name))[1] for name in ("rtol", "atol")] == [
        "KCHECK_RTOL",
        "KCHECK_ATOL",
    ]


def test_every_value_keeps_its_source(config: Path) -> None:
    layers = read_layers(
        {"config": str(config), "seed": "3", "custom_objects": ["a.py", ""]}, {"KCHECK_ROWS": "9"}
    )
    places = [("batch_size",), ("seed",), ("rows",), ("custom_objects", 1), ("trust", "scaler")]
    assert [layers.origin(place)[1] for place in places] == [
        f"{config}:4",
        "--seed",
        "KCHECK_ROWS",
        "--custom-objects",
        f"{config}:7",
    ]


def test_words_are_split_at_commas() -> None:
    assert read_layers({"select": ["KC1,finite", " KC2 "]}, {}).values["select"] == ["KC1", "finite", "KC2"]


@pytest.mark.parametrize(
    "flags",
    [
        {"rtol": "1e-5"},
        {"atol": "1e-5"},
        {"rtol": ["0"], "atol": ["a:1"], "exact": True},
        {"rtol": ["a:0"], "atol": ["b:1"]},
        {"atol": ["a:1"]},
        {"exact": True, "atol": "1"},
        {"rowz": "1"},
        {"config": ""},
    ],
)
def test_invalid_flags_are_refused(flags: dict[str, object], wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        read_layers(flags, {})
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    "environ",
    [
        {"KCHECK_ROW": "1"},
        {"KCHECK_SELECT": "KC1"},
        {"KCHECK_RTOL": "1"},
        {"KCHECK_EXACT": "1"},
        {"KCHECK_CONFIG": ""},
    ],
)
def test_invalid_variables_are_refused(environ: dict[str, str], wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        read_layers({}, environ)
    assert str(caught.value) == wording


@pytest.mark.parametrize("form", ["junit=out/r.xml", ["junit=out/r.xml", "sarif=/abs/r.sarif", "terminal"]])
def test_reports_of_the_file_are_relative_to_it(form: object, tmp_path: Path) -> None:
    path = tmp_path / "kcheck.yaml"
    path.write_text(f"model: m.keras\nformat: {form}\n")
    expected = (f"junit={tmp_path / 'out' / 'r.xml'}", "sarif=/abs/r.sarif", "terminal")
    assert load_settings({"config": str(path)}, {}).format == (
        expected if isinstance(form, list) else expected[:1]
    )
    assert load_settings({"config": str(path), "format": ["json=r.json"]}, {}).format == ("json=r.json",)
    assert load_settings({"config": str(path)}, {"KCHECK_FORMAT": "html=r.html"}).format == ("html=r.html",)


def test_an_invalid_format_names_its_position(tmp_path: Path, wording: SnapshotAssertion) -> None:
    path = tmp_path / "kcheck.yaml"
    path.write_text("model: m.keras\nformat:\n  - terminal\n  - xml=r.xml\n")
    with pytest.raises(UsageError) as caught:
        load_settings({"config": str(path)}, {})
    message = str(caught.value).replace(str(tmp_path), "FOLDER")
    assert message.startswith("FOLDER/kcheck.yaml:4: format.1 is 'xml=")
    assert message.partition(", expected ")[2] == wording


def test_all_paths_of_the_file_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "kcheck.yaml"
    path.write_text(
        "model: m.keras\ndata: x.csv\nreference: train.npy\nserved: /abs/s.npy\ntarget_scaler: "
        "t.pkl\npreprocess: serve.py:prepare\n"
    )
    settings = load_settings({"config": str(path)}, {})
    assert (settings.reference, settings.served, settings.target_scaler) == (
        tmp_path / "train.npy",
        Path("/abs/s.npy"),
        tmp_path / "t.pkl",
    )
    assert settings.preprocess == f"{tmp_path / 'serve.py'}:prepare"
    assert (
        load_settings({"config": str(path), "preprocess": "package.module:prepare"}, {}).preprocess
        == "package.module:prepare"
    )
    path.write_text("model: m.keras\npreprocess: package.module:prepare\nreference: null\n")
    settings = load_settings({"config": str(path)}, {})
    assert (settings.preprocess, settings.reference) == ("package.module:prepare", None)
