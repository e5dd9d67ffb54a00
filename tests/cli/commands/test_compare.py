"""compare: any two routes, held against each other on a real model."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.route_pair import ROUTES
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES

pytestmark = pytest.mark.usefixtures("forks_are_shared")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers otherwise with training=True."""
    into = tmp_path_factory.mktemp("compare")
    keras.utils.set_random_seed(0)
    keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)]
    ).save(into / "m.keras")
    np.save(into / "x.npy", np.random.default_rng(0).normal(size=(32, 4)).astype("float32"))
    return into / "m.keras"


def test_two_routes_are_compared(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(model.parent / "x.npy")
    assert main(["compare", "one-by-one", "call", str(model), "-d", data, "--format", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert (result["code"], result["name"], result["status"]) == ("ROUTES", "one-by-one-vs-call", "pass")
    assert [(each["candidate"], each["reference"], each["rows"]) for each in result["comparisons"]] == [
        ("one-by-one", "call", 32)
    ]


def test_a_limit_that_is_missed_fails(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "predict-float64", "predict", str(model), "--exact", "--rows", "40"]) == 1
    shown = capsys.readouterr()
    assert "FAIL  ROUTES" in shown.out
    assert shown.err == ""


def test_settings_about_checks_are_ignored(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scale.py").write_text("def prepare(x):\n    return x / 2\n", encoding="utf-8")
    said = (
        f"model: {model}\ndata: {model.parent / 'x.npy'}\npreprocess: scale.py:prepare\nselect: "
        "[KC701]\nrequire: [KC701]\nrows: 20\n"
    )
    (tmp_path / "k.yaml").write_text(said, encoding="utf-8")
    forms = [
        "concise",
        *(f"{form}={tmp_path / form}" for form in ("json", "html", "junit", "sarif", "github", "markdown")),
    ]
    line = [
        "compare",
        "call",
        "predict",
        "--config",
        str(tmp_path / "k.yaml"),
        *(word for form in forms for word in ("--format", form)),
    ]
    assert main(line) == 0
    assert capsys.readouterr().out.startswith("PASS ROUTES call-vs-predict: ")
    document = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    assert (document["rows"], document["required"], [result["code"] for result in document["results"]]) == (
        20,
        [],
        ["ROUTES"],
    )
    assert document["subject"]["settings"]["preprocess"] == str(tmp_path / "scale.py:prepare")
    assert all(
        "ROUTES" in (tmp_path / form).read_text(encoding="utf-8")
        for form in ("html", "junit", "sarif", "github", "markdown")
    )


def test_a_refusal_reaches_machines(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.keras").write_bytes(b"no archive")
    assert main(["compare", "call", "predict", str(tmp_path / "m.keras"), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["message"]


def test_the_causes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--causes"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [*CAUSES, *REFUSAL_CAUSES]


def test_the_routes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--routes"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    others = {name: summary for name, summary in ROUTES.items() if not summary[-1].isdigit()}
    assert others.items() <= {**ROUTES, **listed}.items()
    numbered = {"on-accelerator-N", "without-tf32-N"}
    assert {name for name in listed if name not in ROUTES} == numbered
    assert all(listed[name].endswith(" on accelerator N, from 1 to 7") for name in numbered)
    assert {
        "predict",
        "call",
        "one-by-one",
        "predict-float64",
        "training-call",
        "rounded-layers",
        "companions",
    } <= set(listed)
    assert not {
        "rows",
        "given-rows",
        "costs",
        "gradients",
        "masks",
        "state-memory",
        "locate-companions",
    } & set(listed)
    assert [
        name for name, summary in listed.items() if name.endswith("-float64") and "float64" not in summary
    ] == []


@pytest.mark.parametrize(
    "line",
    [
        "predict cal m.keras",
        "call call m.keras",
        "call predict none.keras",
        "call predict m.keras --row 3",
        "call predict m.keras --format xml",
        "call predict",
        "m.keras call predict",
        "call predict m.keras --scaler s --preprocess f.py:f",
    ],
)
def test_wrong_calls_are_refused(
    line: str,
    wording: SnapshotAssertion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *line.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.replace(str(tmp_path), "FOLDER") == wording
