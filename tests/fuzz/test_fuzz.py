"""The fuzzer finds planted faults, and earlier findings remain fixed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from fuzz.mutations import mutate
from fuzz.targets import TARGETS
from keras_consistency_cli.errors import KcheckError

ROOT = Path(__file__).resolve().parents[2]
REGRESSIONS = sorted(
    path for path in (ROOT / "tests" / "fuzz_regressions").iterdir() if path.stem.partition("-")[0] in TARGETS
)


def _read(name: str, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            TARGETS[name].read(path)
        except KcheckError as refusal:
            assert 1 <= len(str(refusal).splitlines()) <= 3  # noqa: PT017


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.name)
def test_an_earlier_finding_is_read_or_refused(path: Path) -> None:
    _read(path.stem.partition("-")[0], path)


def test_every_regression_file_names_its_target() -> None:
    assert [
        path.name
        for path in (ROOT / "tests" / "fuzz_regressions").iterdir()
        if path not in REGRESSIONS and path.name != "README.md"
    ] == []
    assert sum(path.stat().st_size for path in REGRESSIONS) < 2_000_000, (
        "the regression files are too large together"
    )


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_and_some_mutations_are_refused(name: str, tmp_path: Path) -> None:
    target, rng = TARGETS[name], random.Random(7)
    path = tmp_path / f"file{target.suffix}"
    for data in target.seeds:
        path.write_bytes(target.wrap(data))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.read(path)
    refused = 0
    for _ in range(40):
        path.write_bytes(target.wrap(mutate(rng.choice(target.seeds), rng, target.words, b"")))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.read(path)
        except KcheckError:
            refused += 1
    assert refused > 0, "no mutation was refused"


def test_the_same_seed_gives_the_same_mutations() -> None:
    data = b'{"class_name": "A", "config": {"units": 3}}' * 3
    first, repeated, different = (mutate(data, random.Random(seed), (b"word",), data) for seed in (1, 1, 2))
    assert first == repeated
    assert different != first != data


GUARD = """
import os, pathlib, pickle, socket, subprocess, sys, tempfile
sys.path.insert(0, {root!r})
from fuzz.guard import Forbidden, watch
inside = pathlib.Path(tempfile.mkdtemp())
code = compile("x = 1", "<foreign>", "exec")
actions = {{
    "system": lambda: os.system("true"),
    "popen": lambda: subprocess.run(["true"]),
    "socket": lambda: socket.socket(),
    "exec": lambda: exec(code, {{}}),
    "pickle": lambda: pickle.loads(b"cposix\\ngetpid\\n."),
    "eval by pickle": lambda: pickle.loads(b"c__builtin__\\neval\\n."),
    "write outside": lambda: open({outside!r}, "w"),
    "remove outside": lambda: os.remove({outside!r}),
    "write inside": lambda: (inside / "x").write_text("fine"),
    "read outside": lambda: open({root!r} + "/README.md").close(),
    "pickle of numpy": lambda: pickle.loads(b"cnumpy\\ndtype\\n."),
}}
import numpy
guard = watch(inside)
for name, action in actions.items():
    guard.armed = True
    try:
        action()
        result = "allowed"
    except Forbidden:
        result = "forbidden"
    guard.armed = False
    print(name, result, sep=": ")
"""


def test_the_guard_forbids_actions_that_no_file_may_cause(tmp_path: Path) -> None:
    script = GUARD.format(root=str(ROOT), outside=str(tmp_path / "outside"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    results = dict(line.split(": ") for line in done.stdout.splitlines())
    forbidden = (
        "system",
        "popen",
        "socket",
        "exec",
        "pickle",
        "eval by pickle",
        "write outside",
        "remove outside",
    )
    allowed = ("write inside", "read outside", "pickle of numpy")
    assert results == {**dict.fromkeys(forbidden, "forbidden"), **dict.fromkeys(allowed, "allowed")}
    assert not (tmp_path / "outside").exists()


def test_a_finding_is_saved_and_reported(tmp_path: Path) -> None:
    """If a reader fails on every mutated file, the fuzzer reports it and exits with 1."""
    script = (
        f"import dataclasses, pathlib, sys; sys.path.insert(0, {str(ROOT)!r}); import fuzz.__main__ as run; "
        "from fuzz.targets import TARGETS\n"
        f"run.REGRESSIONS = run.ROOT = pathlib.Path({str(tmp_path)!r})\n"
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
