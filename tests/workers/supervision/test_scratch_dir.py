"""scratch directory: it lives as long as its run; only folders of dead runs are removed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.errors import NoVerdictError
from keras_consistency_cli.workers.supervision import scratch_dir
from keras_consistency_cli.workers.supervision.scratch_dir import ScratchDir, sweep

ROOT = Path(__file__).resolve().parents[3]
DEAD = """
import os, signal
from keras_consistency_cli.workers.supervision.scratch_dir import ScratchDir
scratch = ScratchDir()
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


def run_and_die() -> None:
    """A run creates its folder and is killed."""
    subprocess.run([sys.executable, "-c", DEAD], cwd=ROOT, check=False)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_removed_with_its_run(temporary: Path) -> None:
    scratch_dir = ScratchDir()
    (scratch_dir.path / "file").touch()
    assert names(temporary) == [scratch_dir.path.name]
    assert scratch_dir.path.stat().st_mode & 0o777 == 0o700
    scratch_dir.remove()
    scratch_dir.remove()
    assert names(temporary) == []


def test_folders_of_dead_runs_are_removed_and_of_live_ones_not(temporary: Path) -> None:
    run_and_die()
    run_and_die()
    dead = names(temporary)
    live = ScratchDir()
    assert sorted(sweep()) == dead
    assert len(dead) == 2
    assert names(temporary) == [live.path.name]
    assert sweep() == []
    live.remove()


def test_folders_that_only_look_like_ours_stay(temporary: Path, tmp_path: Path) -> None:
    """Without our lock, with another name, a link, or a file."""
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
    run_and_die()
    (folder,) = temporary.iterdir()
    (folder / "link").symlink_to(precious)
    assert sweep() == [folder.name]
    assert names(precious) == ["file"]


def test_a_folder_that_is_removed_before_it_is_locked_is_created_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras_consistency_cli.workers.supervision import scratch_dir as module

    lock_folder, calls = module._lock_folder, []

    def swept_first(folder: Path) -> int:
        descriptor = lock_folder(folder)
        if not calls:
            for path in (folder / ".run", folder):
                path.unlink() if path.is_file() else path.rmdir()
        calls.append(folder)
        return descriptor

    monkeypatch.setattr(module, "_lock_folder", swept_first)
    made = ScratchDir()
    assert (len(calls), names(temporary)) == (2, [made.path.name])
    made.remove()


def test_without_a_folder_for_temporary_files_there_is_no_verdict(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(NoVerdictError) as caught:
        ScratchDir()
    assert str(caught.value) == wording


def test_a_folder_that_cannot_be_locked_is_removed(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scratch_dir, "_lock_folder", full)
    with pytest.raises(NoVerdictError) as caught:
        ScratchDir()
    assert "No space left on device" in caught.value.what
    assert list(temporary.iterdir()) == []
