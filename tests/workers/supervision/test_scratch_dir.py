"""The scratch folder: it lives as long as its run, and folders of dead runs are swept, those and no others."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.workers.supervision import scratch_dir
from keras_consistency_cli.workers.supervision.scratch_dir import ScratchDir, sweep

ROOT = Path(__file__).resolve().parents[3]
DEAD = """
import os, signal
from keras_consistency_cli.workers.supervision.scratch_dir import Scratch
scratch = Scratch()
(scratch.path / "deep" / "er").mkdir(parents=True)
(scratch.path / "deep" / "file").write_text("left")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def died() -> None:
    """A run makes its folder and is killed."""
    subprocess.run([sys.executable, "-c", DEAD], cwd=ROOT, check=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_goes_with_its_run(temporary: Path) -> None:
    scratch_dir = ScratchDir()
    (scratch_dir.path / "file").touch()
    assert names(temporary) == [scratch_dir.path.name]
    assert scratch_dir.path.stat().st_mode & 0o777 == 0o700
    scratch_dir.remove()
    scratch_dir.remove()
    assert names(temporary) == []


def test_dead_runs_are_swept_and_live_ones_are_not(temporary: Path) -> None:
    died()
    died()
    dead = names(temporary)
    live = ScratchDir()
    assert sorted(sweep()) == dead
    assert len(dead) == 2
    assert names(temporary) == [live.path.name]
    assert sweep() == []
    live.remove()


def test_what_only_looks_like_a_scratch_folder_stays(temporary: Path, tmp_path: Path) -> None:
    """Without a lock of ours, of another name, a link or a file: not ours to remove."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / ".run").touch()
    (temporary / "kcheck-linked00").symlink_to(precious)
    (temporary / "kcheck-nolock00").mkdir()
    (temporary / "kcheck-afile000").touch()
    (temporary / "kcheck-notes").mkdir()
    (temporary / "kcheck-notes" / ".run").touch()
    (temporary / "kcheck-locklink").mkdir()
    (temporary / "kcheck-locklink" / ".run").symlink_to(precious / ".run")
    before = names(temporary)
    assert sweep() == []
    assert (names(temporary), names(precious)) == (before, [".run"])


def test_links_in_a_dead_runs_folder_are_removed_and_not_followed(temporary: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    died()
    (folder,) = temporary.iterdir()
    (folder / "link").symlink_to(precious)
    assert sweep() == [folder.name]
    assert names(precious) == ["file"]


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_consistency_cli.workers.supervision import scratch_dir as module

    locked, calls = module._locked, []

    def swept_first(folder: Path) -> int:
        descriptor = locked(folder)
        if not calls:
            for path in (folder / ".run", folder):
                path.unlink() if path.is_file() else path.rmdir()
        calls.append(folder)
        return descriptor

    monkeypatch.setattr(module, "_locked", swept_first)
    made = ScratchDir()
    assert (len(calls), names(temporary)) == (2, [made.path.name])
    made.remove()


def test_without_a_place_for_temporary_files_there_is_no_verdict(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(
        NoVerdictError, match="no folder for temporary files can be made: No such file or directory"
    ) as raised:
        ScratchDir()
    assert raised.value.fix == "free some space, or set TMPDIR to a folder that you may write to"


def test_a_folder_that_cannot_be_locked_does_not_stay(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scratch_dir, "_locked", full)
    with pytest.raises(NoVerdictError, match="No space left on device"):
        ScratchDir()
    assert list(temporary.iterdir()) == []
