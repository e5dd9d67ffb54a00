"""Sent files: settings that are opened where the files are not, and what is not sent."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import DataError, KcheckError, UsageError
from keras_consistency_cli.pipeline.files import sent as module
from keras_consistency_cli.pipeline.files.local import local_files
from keras_consistency_cli.pipeline.files.sent import send_files
from keras_consistency_cli.workers.deadline import Deadline


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files and a folder."""
    folder = tmp_path / "here"
    for name in ("m.keras", "x.npy", "rows/a.npy", "rows/deep/b.npy", "scaler.pkl", "layers.py", "n.npy"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "rows/link.npy").symlink_to("a.npy")
    monkeypatch.chdir(folder)
    return folder


def settings_of(**more: Any) -> Settings:
    return Settings.model_validate({"model": "m.keras", **more})


def test_everything_arrives_where_the_files_are_not(here: Path) -> None:
    more = {"data": f"{here}/rows", "reference": "x.npy", "expected": "x.npy", "scaler": "./scaler.pkl"}
    given = settings_of(**more, custom_objects=["layers.py"], facts={"lengths": "n.npy"}, output="x.json")
    message = pickle.dumps(send_files(given))
    shutil.rmtree(here)
    sent = pickle.loads(message)
    assert sent.model_dump(mode="json") == given.model_dump(mode="json")
    with local_files(sent, Deadline(answer=1)) as files:
        there = files.settings
        assert there.data is not None
        inside = {str(path.relative_to(there.data)) for path in there.data.rglob("*.npy")}
        assert inside == {"a.npy", "deep/b.npy"}
        single = (there.model, there.reference, there.scaler, *there.custom_objects, there.facts.lengths)
        assert [path.read_text() for path in single if path] == [
            *("m.keras", "x.npy", "scaler.pkl", "layers.py", "n.npy")
        ]
        assert there.expected == there.reference
        assert there.output == Path("x.json")
        assert files.name_originals([f"{there.data}/a.npy", f"in {there.model}"]) == [
            f"{here}/rows/a.npy",
            "in m.keras",
        ]
    assert not there.model.exists()


def test_errors_name_the_files_of_the_caller(here: Path) -> None:
    with (
        pytest.raises(DataError) as error,
        local_files(send_files(settings_of()), Deadline(answer=1)) as files,
    ):
        raise DataError(f"{files.settings.model} is damaged", fix=f"rm {files.settings.model}")
    assert (error.value.what, error.value.fix) == ("m.keras is damaged", "rm m.keras")


def test_urls_are_not_sent(here: Path) -> None:
    given = settings_of(data="s3://bucket/x.npy")
    assert send_files(given).data is given.data


def test_a_module_is_not_a_file(here: Path) -> None:
    assert send_files(settings_of(preprocess="package.module:function")).preprocess


@pytest.mark.parametrize(
    "more",
    [
        {"data": "none.npy"},
        {"preprocess": "layers.py:function"},
        {"data": "pipe"},
        {"data": "large.npy"},
        {"data": "x" * 300},
        {"exports": ["m.xml"]},
        {"exports": ["x.npy"]},
    ],
)
def test_what_cannot_be_sent_is_refused(
    more: dict[str, Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 10**6)
    os.mkfifo("pipe")
    Path("large.npy").write_bytes(b"1" * 10**6)
    Path("m.xml").write_text('<?xml version="1.0"?>\n<net name="m" version="11">\n</net>')
    Path("m.bin").write_bytes(b"1")
    with pytest.raises(KcheckError) as refused:
        send_files(settings_of(**more))
    assert isinstance(refused.value, UsageError)
    assert len(str(refused.value).splitlines()) <= 3
