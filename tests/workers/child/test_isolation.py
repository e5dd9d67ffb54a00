"""isolation, in separate processes: forbidden actions fail, and what a worker needs works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.workers.child import isolation
from keras_consistency_cli.workers.child.isolation import isolate, writable_places
from keras_consistency_cli.workers.child.landlock import LandlockError
from keras_consistency_cli.workers.child.seccomp import SeccompError

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux lets a process give up rights without privileges"
)
ROOT = Path(__file__).resolve().parents[3]
TRIED = """
import json, os, signal, socket, subprocess, sys, threading
from multiprocessing import Lock, shared_memory
from pathlib import Path
from keras_consistency_cli.workers.child.isolation import isolate

scratch, outside = map(Path, sys.argv[1:3])
precious = outside / "precious"
lacks = isolate(str(scratch))

def tried(act):
    try:
        act()
    except OSError as problem:
        return problem.errno
    return 0

def moved():
    (scratch / "a").write_text("x")
    os.rename(scratch / "a", scratch / "b")

ACTS = {ACTS}
print(json.dumps([list(lacks), {name: tried(act) for name, act in ACTS.items()}]))
"""
FORBIDDEN = {
    "make": "lambda: (outside / 'new').touch()",
    "write": "lambda: precious.write_text('spoiled')",
    "append": "lambda: precious.open('a')",
    "truncate": "lambda: os.truncate(precious, 0)",
    "remove": "lambda: precious.unlink()",
    "move": "lambda: precious.rename(outside / 'moved')",
    "move in": "lambda: precious.rename(scratch / 'moved')",
    "make a folder": "lambda: (outside / 'folder').mkdir()",
    "link": "lambda: (outside / 'link').symlink_to('/')",
    "internet": "lambda: socket.socket(socket.AF_INET)",
    "internet 6": "lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "local socket": "lambda: socket.socket(socket.AF_UNIX)",
    "raw": "lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "in a thread": "lambda: threads(lambda: socket.socket())",
    "by another program": "lambda: program('touch', outside / 'new')",
    "kill the parent": "lambda: os.kill(os.getppid(), signal.SIGTERM)",
}
ALLOWED = {
    "read": "lambda: precious.read_text()",
    "write in scratch": "moved",
    "folder in scratch": "lambda: (scratch / 'deep' / 'er').mkdir(parents=True)",
    "pair of sockets": "lambda: socket.socketpair()",
    "nothing": "lambda: Path('/dev/null').write_text('x')",
    "shared memory": "lambda: shared_memory.SharedMemory(create=True, size=10).unlink()",
    "lock": "lambda: Lock().acquire()",
    "another program": "lambda: program('true')",
    "own children": "lambda: subprocess.Popen(['sleep', '60']).kill()",
    "signal itself": "lambda: os.kill(os.getpid(), 0)",
}
HELP = """
def program(*arguments):
    if subprocess.run(arguments, stderr=subprocess.DEVNULL).returncode:
        raise PermissionError(13, "the program failed")

def threads(act):
    found = []
    thread = threading.Thread(target=lambda: found.append(tried(act)))
    thread.start()
    thread.join()
    if found[0]:
        raise OSError(found[0], "in a thread")
"""

Tried = tuple[list[str], dict[str, int]]


@pytest.fixture
def tried(tmp_path: Path) -> Callable[[dict[str, str]], Tried]:
    """Try actions in an isolated process; return what it could not prevent, and the error numbers."""

    def run(acts: dict[str, str]) -> Tried:
        for name in ("scratch", "outside"):
            (tmp_path / name).mkdir()
        (tmp_path / "outside" / "precious").write_text("precious")
        table = "{" + ", ".join(f"{name!r}: {act}" for name, act in acts.items()) + "}"
        code = TRIED.replace("ACTS = {ACTS}", textwrap.dedent(HELP) + f"ACTS = {table}")
        line = [sys.executable, "-c", code, str(tmp_path / "scratch"), str(tmp_path / "outside")]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        lacks, found = json.loads(done.stdout)
        if lacks:
            pytest.skip(f"this kernel: {lacks}")
        return lacks, found

    return run


def test_nothing_is_written_outside_and_no_process_is_reached(
    tried: Callable[[dict[str, str]], Tried], tmp_path: Path
) -> None:
    _, found = tried(FORBIDDEN)
    assert [name for name, number in found.items() if number == 0] == []
    assert {path.name: path.read_text() for path in (tmp_path / "outside").iterdir()} == {
        "precious": "precious"
    }


def test_a_worker_can_do_what_it_needs(tried: Callable[[dict[str, str]], Tried], tmp_path: Path) -> None:
    _, found = tried(ALLOWED)
    assert {name: number for name, number in found.items() if number} == {}
    assert (tmp_path / "scratch" / "b").read_text() == "x"


def test_no_process_leaves_the_process_group(tried: Callable[[dict[str, str]], Tried]) -> None:
    """Leaving is not an error, because programs cannot handle that; it has no effect."""
    _, found = tried(
        {
            "session": "lambda: os.setsid()",
            "group": "lambda: os.setpgid(0, 0)",
            "stays": "lambda: os.kill(0, 0)",
        }
    )
    assert found == {"session": 0, "group": 0, "stays": 0}
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from keras_consistency_cli.workers.child.isolation import isolate\n"
        "isolate('.'); before = os.getsid(0), os.getpgid(0)\n"
        "if os.fork() == 0:\n    os.setsid(); os._exit((os.getsid(0), os.getpgid(0)) != before)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(ROOT)], check=False).returncode == 0


def test_a_gpu_that_needs_a_helper_with_more_rights_prevents_isolation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    (tmp_path / "nvidiactl").touch()
    assert isolation._needs_helper(tmp_path)
    (tmp_path / "nvidia-uvm").touch()
    assert not isolation._needs_helper(tmp_path)
    monkeypatch.setattr(isolation, "_needs_helper", lambda _devices: True)
    assert list(isolate(str(tmp_path))) == wording


def test_graphics_cards_and_the_cache_of_their_compiler_stay_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices, cache = tmp_path / "dev", tmp_path / "cache"
    devices.mkdir()
    cache.mkdir()
    (devices / "null").touch()
    (devices / "sda").touch()
    monkeypatch.setenv("CUDA_CACHE_PATH", str(cache))
    assert writable_places(str(tmp_path), devices) == [str(tmp_path), "/proc/self", str(devices / "null")]
    for name in ("nvidia0", "nvidiactl"):
        (devices / name).touch()
    cards = [str(devices / "nvidia0"), str(devices / "nvidiactl")]
    assert writable_places(str(tmp_path), devices) == [
        str(tmp_path),
        "/proc/self",
        str(devices / "null"),
        *cards,
        str(cache),
    ]


def test_what_cannot_be_prevented_is_reported_and_the_rest_is_prevented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    done: list[Any] = []

    def no_landlock(_places: Any) -> None:
        raise LandlockError("the kernel has no Landlock")

    def no_filter(*, local: bool) -> None:
        raise SeccompError("no filter is known for mips")

    monkeypatch.setattr(isolation, "forbid_writing", no_landlock)
    monkeypatch.setattr(isolation, "forbid_calls", lambda *, local: done.append(local))
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/somewhere")
    lacks = [isolate(str(tmp_path))]
    assert done == [True]
    monkeypatch.setattr(isolation, "forbid_calls", no_filter)
    lacks.append(isolate(str(tmp_path)))
    assert [len(one) for one in lacks] == [1, 2]
    assert lacks == wording


def test_other_platforms_report_that_nothing_is_prevented(
    monkeypatch: pytest.MonkeyPatch, wording: SnapshotAssertion
) -> None:
    monkeypatch.setattr(isolation.sys, "platform", "darwin")
    assert list(isolate(".")) == wording


def test_the_test_process_is_not_isolated() -> None:
    os.kill(os.getppid(), 0)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
