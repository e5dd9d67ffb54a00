"""baseline: recording, verifying, and reporting what has changed since."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Status, Verdict
from keras_consistency_cli.cli.main import main
from keras_consistency_cli.config.settings import load_settings
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.pipeline.baseline import differences, record
from keras_consistency_cli.pipeline.baseline_file import Baseline, read_baseline
from keras_consistency_cli.reporting.report import Report, Source

pytestmark = pytest.mark.usefixtures("forks_are_shared")
ROWS = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with different weights, rows, and a baseline of the first model."""
    into = tmp_path_factory.mktemp("baseline")
    for seed, name in enumerate(("model", "other")):
        keras.utils.set_random_seed(seed)
        x = keras.Input((6,), name="x")
        keras.Model(x, {"file": keras.layers.Dense(3)(x), "score": keras.layers.Dense(1)(x)}).save(
            into / f"{name}.keras"
        )
    np.save(into / "x.npy", ROWS)
    assert (
        main(
            [
                "baseline",
                "record",
                str(into / "model.keras"),
                "--data",
                str(into / "x.npy"),
                "--file",
                str(into / "m.kcheck"),
            ]
        )
        == 0
    )
    return into


def verify(folder: Path, model: str, *more: str) -> int:
    return main(
        [
            "baseline",
            "verify",
            str(folder / model),
            "--data",
            str(folder / "x.npy"),
            "--file",
            str(folder / "m.kcheck"),
            *more,
        ]
    )


def test_the_recorded_outputs_are_those_of_predict(folder: Path) -> None:
    recorded = read_baseline(folder / "m.kcheck")
    (folder / "answers.npz").write_bytes(recorded.answers)
    model = keras.models.load_model(folder / "model.keras")
    with np.load(folder / "answers.npz", allow_pickle=False) as answers:
        assert len(answers) == 2
        for name, values in model.predict(ROWS, verbose=0).items():
            np.testing.assert_allclose(answers[name], values, rtol=1e-5)
    assert all(recorded.files[name] for name in ("model", "data"))
    assert recorded.files["scaler"] is None


class Watcher:
    """Notes what a recording does next."""

    def __init__(self) -> None:
        self.activities: list[str] = []

    def __call__(self, activity: str, /) -> None:
        self.activities.append(activity)

    def route_finished(self, name: str, summary: str, done: int, total: int, /) -> None:
        assert name == "predict"


def test_a_recording_reports_its_progress(folder: Path, wording: SnapshotAssertion) -> None:
    watcher = Watcher()
    settings = load_settings(
        {"model": str(folder / "model.keras"), "data": str(folder / "x.npy"), "rows": "all"}, {}
    )
    assert record(settings, watcher)[1] == len(ROWS)
    assert watcher.activities == wording


def test_without_rows_nothing_is_recorded(folder: Path, wording: SnapshotAssertion) -> None:
    with pytest.raises(UsageError) as caught:
        record(load_settings({"model": str(folder / "model.keras"), "rows": "all"}, {}))
    assert str(caught.value) == wording


def test_an_unchanged_model_is_consistent(
    folder: Path, capsys: pytest.CaptureFixture[str], wording: SnapshotAssertion
) -> None:
    assert verify(folder, "model.keras", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [(result["code"], result["status"]) for result in document["results"]] == [("KC802", "pass")]
    assert document["subject"]["settings"]["expected"] == str(folder / "m.kcheck")
    assert document["notes"] == wording


def test_settings_may_come_from_a_file_and_reports_may_go_to_files(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = f"model: {folder / 'model.keras'}\ndata: {folder / 'x.npy'}\n"
    (tmp_path / "k.yaml").write_text(f"{files}select: [KC101]\nrequire: [KC101]\nrows: 3\n", encoding="utf-8")
    line = [
        "baseline",
        "verify",
        "-c",
        str(tmp_path / "k.yaml"),
        "-f",
        str(folder / "m.kcheck"),
        "--timeout",
        "300",
    ]
    assert main([*line, "--format", f"json={tmp_path / 'r.json'}", "--format", "concise"]) == 0
    assert capsys.readouterr().out.startswith("PASS KC802 ")
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (document["rows"], document["required"]) == (len(ROWS), [])
    assert document["subject"]["settings"]["timeout"] == 300


def test_a_different_model_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(folder, "other.keras", "--format", "json") == 1
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert len(notes) == 2
    assert "model" in notes[0]


def report(status: Status, **environment: str) -> Report:
    found = Report(
        version="1",
        verdicts=(Verdict(status=status, message=""),),
        model=Source(path="m", sha256="a"),
        data=Source(path="x", sha256="b"),
    )
    return replace(found, environment=environment)


SAME = {"model": "a", "data": "b", "scaler": None}


@pytest.mark.parametrize(
    ("files", "environment", "changes"),
    [
        (SAME, {"keras": "3"}, 0),
        (SAME, {"keras": "2", "kcheck": "0"}, 1),
        ({**SAME, "data": "z"}, {"keras": "3"}, 1),
        ({**SAME, "data": "z"}, {"keras": "2"}, 2),
        ({**SAME, "data": "z", "scaler": "y" * 64}, {"keras": "3"}, 2),
        ({**SAME, "model": "z"}, {"keras": "3"}, 1),
        ({**SAME, "model": "z"}, {"keras": "2"}, 2),
    ],
    ids=["nothing", "keras", "data", "data and keras", "data and scaler", "model", "model and keras"],
)
def test_changes_since_the_recording_are_notes(
    files: dict[str, str | None], environment: dict[str, str], changes: int, wording: SnapshotAssertion
) -> None:
    baseline = Baseline(files=files, environment=environment, answers=b"")
    failed = differences(baseline, report(Status.FAIL, keras="3"))
    passed = differences(baseline, report(Status.PASS, keras="3"))
    assert len(failed) == changes + 1
    assert len(passed) == max(changes, 1)
    assert passed == failed[:-1] or not changes
    assert list(failed) == wording
    assert list(passed) == wording


@pytest.mark.parametrize(
    "line",
    [
        "verfy m.keras -d x.npy --file a",
        "record m.keras --file a",
        "verify m.keras -d x.npy --file none.kcheck",
        "verify m.keras -d x.npy --file text.kcheck",
        "verify m.keras -d x.npy --file other.kcheck",
        "verify m.keras -d x.npy --file old.kcheck",
        "record m.keras -d x.npy --file m.keras",
        "record none.keras -d x.npy --file a",
        "record m.keras -d x.npy --fil a",
        "verify m.keras -d x.npy --file good.kcheck --format json=good.kcheck",
    ],
    ids=[
        "unknown action",
        "no rows",
        "no baseline file",
        "text instead of a baseline",
        "a zip of other members",
        "another schema",
        "overwrites the model",
        "no model",
        "unknown option",
        "report overwrites the baseline",
    ],
)
def test_mistakes_are_reported(
    line: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wording: SnapshotAssertion,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(folder / "model.keras", "m.keras")
    shutil.copy(folder / "x.npy", "x.npy")
    shutil.copy(folder / "m.kcheck", "good.kcheck")
    Path("text.kcheck").write_text("text")
    for name, members in {
        "other": {"a": "b"},
        "old": {"baseline.json": '{"schema": "x"}', "answers.npz": ""},
    }.items():
        with zipfile.ZipFile(f"{name}.kcheck", "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
    assert main(["baseline", *line.split()]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == wording
