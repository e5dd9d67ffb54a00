"""The fuzzer finds what it is there to find, and what it once found stays mended."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from fuzz.mutations import mutated
from fuzz.targets import TARGETS
from keras_consistency_cli.errors import KcheckError

ROOT = Path(__file__).resolve().parents[2]
KEPT = sorted(
    path for path in (ROOT / "tests" / "fuzz_regressions").iterdir() if path.stem.partition("-")[0] in TARGETS
)


def _read(name: str, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            TARGETS[name].read(path)
        except KcheckError as refusal:
            assert 1 <= len(str(refusal).splitlines()) <= 3  # noqa: PT017


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_what_was_found_once_is_read_or_refused(path: Path) -> None:
    _read(path.stem.partition("-")[0], path)


def test_every_kept_file_names_its_target() -> None:
    assert [
        path.name
        for path in (ROOT / "tests" / "fuzz_regressions").iterdir()
        if path not in KEPT and path.name != "README.md"
    ] == []
    assert sum(path.stat().st_size for path in KEPT) < 2_000_000, "keep them small"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_whole_and_some_spoilt_ones_are_refused(name: str, tmp_path: Path) -> None:
    target, chance = TARGETS[name], random.Random(7)
    path = tmp_path / f"file{target.suffix}"
    for data in target.seeds:
        path.write_bytes(target.wrap(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(path)
    refused = 0
    for _ in range(40):
        path.write_bytes(target.wrap(mutated(chance.choice(target.seeds), chance, target.words, b"")))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.read(path)
        except KcheckError:
            refused += 1
    assert refused > 0, "mutations that change nothing find nothing"


def test_mutations_repeat_by_their_seed() -> None:
    data = b'{"class_name": "A", "config": {"units": 3}}' * 3
    one, again, other = (mutated(data, random.Random(seed), (b"word",), data) for seed in (1, 1, 2))
    assert one == again
    assert other != one != data


GUARD = """
import os, pathlib, pickle, socket, subprocess, sys, tempfile
sys.path.insert(0, {root!r})
from fuzz.guard import Forbidden, watch
inside = pathlib.Path(tempfile.mkdtemp())
code = compile("x = 1", "<foreign>", "exec")
deeds = {{
    "system": lambda: os.system("true"),
    "popen": lambda: subprocess.run(["true"]),
    "socket": lambda: socket.socket(),
    "exec": lambda: exec(code, {{}}),
    "pickle": lambda: pickle.loads(b"cposix\\ngetpid\\n."),
    "eval by pickle": lambda: pickle.loads(b"c__builtin__\\neval\\n."),
    "write elsewhere": lambda: open({elsewhere!r}, "w"),
    "remove elsewhere": lambda: os.remove({elsewhere!r}),
    "write inside": lambda: (inside / "x").write_text("fine"),
    "read elsewhere": lambda: open({root!r} + "/README.md").close(),
    "pickle of numpy": lambda: pickle.loads(b"cnumpy\\ndtype\\n."),
}}
import numpy
guard = watch(inside)
for name, deed in deeds.items():
    guard.armed = True
    try:
        deed()
        told = "allowed"
    except Forbidden:
        told = "forbidden"
    guard.armed = False
    print(name, told, sep=": ")
"""


def test_the_guard_forbids_what_no_file_may_bring_about(tmp_path: Path) -> None:
    script = GUARD.format(root=str(ROOT), elsewhere=str(tmp_path / "elsewhere"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    told = dict(line.split(": ") for line in done.stdout.splitlines())
    forbidden = (
        "system",
        "popen",
        "socket",
        "exec",
        "pickle",
        "eval by pickle",
        "write elsewhere",
        "remove elsewhere",
    )
    allowed = ("write inside", "read elsewhere", "pickle of numpy")
    assert told == {**dict.fromkeys(forbidden, "forbidden"), **dict.fromkeys(allowed, "allowed")}
    assert not (tmp_path / "elsewhere").exists()


def test_a_finding_is_kept_and_reported(tmp_path: Path) -> None:
    """With a reader that dies on every spoilt file, the fuzzer must say so and exit with 1."""
    script = (
        f"import dataclasses, pathlib, sys; sys.path.insert(0, {str(ROOT)!r}); import fuzz.__main__ as run; "
        "from fuzz.targets import TARGETS\n"
        f"run.KEPT = run.ROOT = pathlib.Path({str(tmp_path)!r})\n"
        "seed = TARGETS['csv'].seeds\n"
        "def read(path):\n    if path.read_bytes() not in seed: raise RuntimeError('planted')\n"
        "TARGETS['csv'] = dataclasses.replace(TARGETS['csv'], read=read)\n"
        "sys.exit(run.main(['--count', '250', '--only', 'csv']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 1, done.stderr
    assert "RuntimeError: planted" in done.stdout
    assert "1 findings" in done.stdout
    assert [path.name.startswith("csv-") for path in tmp_path.iterdir()] == [True]
