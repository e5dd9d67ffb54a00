"""Feed spoilt files to everything that reads files: `make fuzz`, or python -m fuzz --seconds 60 --count 20000
--only pickle.

A finding is any exception that is not kcheck's own, a process that dies, five seconds of work without an
answer, or whatever fuzz/guard.py forbids. Each is kept below tests/fuzz_regressions, where the test suite
reads it from then on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fuzz.guard import Forbidden, watch  # noqa: E402
from fuzz.mutations import mutated  # noqa: E402
from fuzz.targets import TARGETS, Target  # noqa: E402
from keras_consistency_cli.errors import KcheckError  # noqa: E402
from keras_consistency_cli.text import clean  # noqa: E402

__all__ = ["main"]

KEPT = ROOT / "tests" / "fuzz_regressions"
_BATCH, _PATIENCE_S, _ASLEEP_S, _MEMORY = 250, 5, 120, 6 << 30


class _TooSlowError(BaseException):
    """No answer in time; not an Exception, so that nobody swallows it."""


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlowError(f"no answer within {_PATIENCE_S} s of work, or {_ASLEEP_S} s of waiting")


def _batch(target: Target, seed: int, folder: Path) -> int:
    """Read one batch of spoilt files in this process; return how many. The file that is being read lies in
    the folder, whatever happens.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, _too_slow)
    warnings.simplefilter("ignore")
    path = folder / f"spoilt{target.suffix}"
    for data in target.seeds:  # imports what is imported late, before the guard is armed
        path.write_bytes(target.wrap(data))
        _read(target, path)
    guard = watch(folder)
    chance = random.Random(seed)
    for _ in range(_BATCH):
        data, other = chance.choice(target.seeds), chance.choice(target.seeds)
        path.write_bytes(target.wrap(mutated(data, chance, target.words, other)))
        _set_clocks(_PATIENCE_S, _ASLEEP_S)
        guard.armed = True
        try:
            _read(target, path)
        finally:
            guard.armed = False
            _set_clocks(0, 0)
    return _BATCH


def _set_clocks(working: int, asleep: int) -> None:
    """Interrupt after so many seconds of work, and after so many on the wall: a busy machine makes nothing a
    finding, a sleeping reader is one.
    """
    signal.setitimer(signal.ITIMER_PROF, working)
    signal.alarm(asleep)


def _read(target: Target, path: Path) -> None:
    try:
        target.read(path)
    except KcheckError as refusal:
        shown = str(refusal)
        assert 1 <= len(shown.splitlines()) <= 3, f"a refusal of {len(shown.splitlines())} lines"
        assert all(clean(line, 9999) == line for line in shown.split("\n")), (
            f"a refusal that is not plain text: {shown!r}"
        )


def _in_child(target: Target, seed: int, folder: Path) -> str | None:
    """Run one batch in a process of its own; return what went wrong."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _batch(target, seed, folder)
            code = 0
        except (Exception, Forbidden, _TooSlowError):
            (folder / "why").write_text(
                traceback.format_exc(limit=-6), encoding="utf-8", errors="backslashreplace"
            )
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    why = folder / "why"
    if code == 0:
        return None
    told = why.read_text(encoding="utf-8") if why.exists() else f"the process ended with {code}"
    why.unlink(missing_ok=True)
    return told


def _keep(name: str, target: Target, folder: Path) -> Path:
    data = (folder / f"spoilt{target.suffix}").read_bytes()
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"{name}-{hashlib.sha256(data).hexdigest()[:10]}{target.suffix}"
    kept.write_bytes(data)
    return kept


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz until the count or the time is used up; 1 where something was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--count", type=int, default=100_000, help="mutations at most, all targets together [100000]"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="seconds at most [300]")
    parser.add_argument("--seed", type=int, default=0, help="where chance starts [0]")
    parser.add_argument(
        "--only", choices=sorted(TARGETS), action="append", help="this target alone; repeatable"
    )
    chosen = parser.parse_args(argv)
    names = chosen.only or list(TARGETS)
    done, found, began = dict.fromkeys(names, 0), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(chosen.count // _BATCH):
            if time.monotonic() - began > chosen.seconds:
                break
            name = names[turn % len(names)]
            wrong = _in_child(TARGETS[name], chosen.seed * 1_000_003 + turn, Path(folder))
            done[name] += _BATCH
            if wrong is not None:
                found += 1
                print(f"{_keep(name, TARGETS[name], Path(folder)).relative_to(ROOT)}\n{wrong}", flush=True)
    amounts = ", ".join(f"{name} {amount:,}" for name, amount in done.items())
    print(
        f"{sum(done.values()):,} mutations ({amounts}) in {time.monotonic() - began:.0f} s, seed "
        f"{chosen.seed}: {found} findings"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
