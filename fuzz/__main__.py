"""Read mutated files with every reader of kcheck: `make fuzz`, or `python -m fuzz --seconds 60`.

A finding is an exception other than KcheckError, a process that dies, a read that takes more than five
seconds of CPU time, or an action that fuzz/guard.py forbids. The file of each finding is saved in
tests/fuzz_regressions, where the test suite reads it.
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
from fuzz.mutations import mutate  # noqa: E402
from fuzz.targets import TARGETS, Target  # noqa: E402
from keras_consistency_cli.errors import KcheckError  # noqa: E402
from keras_consistency_cli.text import clean  # noqa: E402

__all__ = ["main"]

REGRESSIONS = ROOT / "tests" / "fuzz_regressions"
_BATCH_SIZE, _CPU_LIMIT_S, _WALL_LIMIT_S, _MEMORY_LIMIT = 250, 5, 120, 6 << 30


class _TooSlowError(BaseException):
    """A reader took too long; not an Exception, so that no handler catches it by accident."""


def _raise_too_slow(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlowError(f"not finished within {_CPU_LIMIT_S} s of CPU time or {_WALL_LIMIT_S} s of wall time")


def _read_batch(target: Target, seed: int, folder: Path) -> int:
    """Read one batch of mutated files in this process and return their number.

    The file that is being read is in the folder, so that it remains if the process dies.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, _raise_too_slow)
    warnings.simplefilter("ignore")
    path = folder / f"mutated{target.suffix}"
    for data in target.seeds:  # runs late imports before the guard is armed
        path.write_bytes(target.wrap(data))
        _read(target, path)
    guard = watch(folder)
    rng = random.Random(seed)
    for _ in range(_BATCH_SIZE):
        data, other = rng.choice(target.seeds), rng.choice(target.seeds)
        path.write_bytes(target.wrap(mutate(data, rng, target.words, other)))
        _set_timers(_CPU_LIMIT_S, _WALL_LIMIT_S)
        guard.armed = True
        try:
            _read(target, path)
        finally:
            guard.armed = False
            _set_timers(0, 0)
    return _BATCH_SIZE


def _set_timers(cpu_seconds: int, wall_seconds: int) -> None:
    """Interrupt after this much CPU time or wall time; 0 switches the timer off.

    The limit of wall time is longer, so that a busy machine causes no finding but a sleeping reader does.
    """
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    signal.alarm(wall_seconds)


def _read(target: Target, path: Path) -> None:
    try:
        target.read(path)
    except KcheckError as refusal:
        message = str(refusal)
        assert 1 <= len(message.splitlines()) <= 3, f"an error message of {len(message.splitlines())} lines"
        assert all(clean(line, 9999) == line for line in message.split("\n")), (
            f"an error message that is not plain text: {message!r}"
        )


def _run_in_child(target: Target, seed: int, folder: Path) -> str | None:
    """Run one batch in a separate process; return the traceback or the exit code if it failed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _read_batch(target, seed, folder)
            code = 0
        except (Exception, Forbidden, _TooSlowError):
            (folder / "traceback").write_text(
                traceback.format_exc(limit=-6), encoding="utf-8", errors="backslashreplace"
            )
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    traceback_file = folder / "traceback"
    if code == 0:
        return None
    failure = (
        traceback_file.read_text(encoding="utf-8")
        if traceback_file.exists()
        else f"the process ended with exit code {code}"
    )
    traceback_file.unlink(missing_ok=True)
    return failure


def _save_finding(name: str, target: Target, folder: Path) -> Path:
    data = (folder / f"mutated{target.suffix}").read_bytes()
    REGRESSIONS.mkdir(exist_ok=True)
    saved = REGRESSIONS / f"{name}-{hashlib.sha256(data).hexdigest()[:10]}{target.suffix}"
    saved.write_bytes(data)
    return saved


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz until the count or the time is used up; return 1 if there is a finding."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--count",
        type=int,
        default=100_000,
        help="maximum number of mutations of all targets together [100000]",
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="maximum duration in seconds [300]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the mutations [0]")
    parser.add_argument(
        "--only", choices=sorted(TARGETS), action="append", help="fuzz only this target; repeatable"
    )
    options = parser.parse_args(argv)
    names = options.only or list(TARGETS)
    counts, findings, start = dict.fromkeys(names, 0), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.count // _BATCH_SIZE):
            if time.monotonic() - start > options.seconds:
                break
            name = names[turn % len(names)]
            failure = _run_in_child(TARGETS[name], options.seed * 1_000_003 + turn, Path(folder))
            counts[name] += _BATCH_SIZE
            if failure is not None:
                findings += 1
                print(
                    f"{_save_finding(name, TARGETS[name], Path(folder)).relative_to(ROOT)}\n{failure}",
                    flush=True,
                )
    amounts = ", ".join(f"{name} {amount:,}" for name, amount in counts.items())
    print(
        f"{sum(counts.values()):,} mutations ({amounts}) in {time.monotonic() - start:.0f} s, seed "
        f"{options.seed}: {findings} findings"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
