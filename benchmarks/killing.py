"""Kill `kcheck run` at random moments and count how it ends: `python -m benchmarks.killing [--count 200]
[--seed 0]`, from the top of the repository.

Of each run the moment and the victim are drawn: the command itself (Ctrl-C, SIGTERM, SIGKILL), a worker or
the process that workers are forked from. None may end with 0, and nothing may stay: no process, and no
temporary file, but that a command killed outright leaves its folder to the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import aligned, child_environment, duration, kcheck, say

__all__ = ["WAYS", "Ending", "killed", "main", "results", "subject"]

WAYS = {
    "Ctrl-C": ("command", signal.SIGINT),
    "SIGTERM": ("command", signal.SIGTERM),
    "SIGKILL": ("command", signal.SIGKILL),
    "worker": ("worker", signal.SIGKILL),
    "fork_server": ("fork_server", signal.SIGKILL),
}
"""By name: who gets which signal. Before there is a worker its fork server stands in, and before that the
command.
"""
_MARK = "KILLED_RUN"
_PATIENCE_S = 120.0
_STARTED = b"keras_consistency_cli.workers.child.main"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one run ended.

    `code` is its exit code, minus the signal where that ended it; `late` says that the run, or the victim's
    part in it, was over before its moment came; `seconds` run from the signal to the end; `processes` and
    `folders` are what stayed.
    """

    way: str
    moment: float
    code: int
    late: bool
    seconds: float
    processes: int
    folders: int

    @property
    def wrong(self) -> bool:
        """Whether it ended as if all were well, or left something behind that it should not."""
        # Killed itself, as it also is in the place of a worker that it does not have yet, the command cannot
        # remove its folder.
        killed_itself = self.code == -signal.SIGKILL
        return not self.late and (self.code == 0 or self.processes > 0 or self.folders > killed_itself)


def subject(folder: Path) -> list[str]:
    """Save a small model and rows into `folder`; return the command that checks them."""
    import numpy as np

    from benchmarks.models import mlp, mlp_rows

    mlp().save(folder / "mlp.keras")
    np.save(folder / "x.npy", mlp_rows(64))
    return kcheck(
        "run", "mlp.keras", "--data", "x.npy", "--select", "KC101,KC104,KC201,KC602", "--format", "json"
    )


def killed(
    command: Sequence[str], folder: Path, way: str, moment: float, *, undisturbed: object = None
) -> Ending:
    """Start a command and send the signal of `way` after `moment` seconds.

    Args:
        command: as `subject` returns it.
        folder: where it is started.
        way: one of WAYS.
        moment: seconds after the start.
        undisturbed: as `results` gives of a run that nobody disturbs. A worker, or its fork server, was
            killed too late to matter where the run gives all of these results and asks nobody any more.
    """
    mark = uuid.uuid4().hex
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="killing-"))
        environment = {**child_environment(), "TMPDIR": temporary, _MARK: mark}
        told = stack.enter_context(tempfile.TemporaryFile())
        streams = {"stdin": subprocess.DEVNULL, "stdout": told, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        who, number = WAYS[way]
        victim = _victim(process.pid, who)
        late = process.poll() is not None or _dying(victim)
        sent = time.perf_counter()
        if not late:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, number)
        code = process.wait(_PATIENCE_S)
        seconds = time.perf_counter() - sent
        left, folders = _left(mark), len(os.listdir(temporary))
        told.seek(0)
        late = late or (
            code == 0 and who != "command" and undisturbed is not None and results(told.read()) == undisturbed
        )
    return Ending(
        way=way, moment=moment, code=code, late=late, seconds=seconds, processes=left, folders=folders
    )


def results(report: bytes) -> object:
    """The results of a JSON report without the seconds that they took, which are the only thing that differs
    from run to run; None of no report.
    """
    try:
        found = json.loads(report)["results"]
    except ValueError:
        return None
    return [{name: value for name, value in result.items() if name != "elapsed_s"} for result in found]


def _victim(command: int, who: str) -> int:
    fork_servers = (
        [child for child in _children(command) if _STARTED in _line(child)] if who != "command" else []
    )
    # A fork has the command line of whom it was forked from; the `uname` that Python asks for the processor's
    # name has its own.
    workers = (
        [
            worker
            for fork_server in fork_servers
            for worker in _children(fork_server)
            if _STARTED in _line(worker)
        ]
        if who == "worker"
        else []
    )
    # Process ids grow: the last one is the one that was forked last, and works.
    return (workers or fork_servers or [command])[-1]


def _line(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return sorted(
            int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        )
    return []


def _dying(process: int) -> bool:
    """Whether somebody else has killed it already: it has given its memory back, or is about to."""
    with contextlib.suppress(OSError):
        about = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        pending = int(about["ShdPnd"], 16) | int(about["SigPnd"], 16)
        return "VmSize" not in about or bool(pending >> (signal.SIGKILL - 1) & 1)
    return True


def _left(mark: str) -> int:
    """How many processes of a run are still there, once those that were killed have had time to end."""
    for _ in range(20):
        if not (found := _marked(mark)):
            return 0
        time.sleep(0.025)
    return found


def _marked(mark: str) -> int:
    found = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            found += entry.name.isdigit() and f"{_MARK}={mark}".encode() in (entry / "environ").read_bytes()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Kill as often as asked for, print the table, and return 1 where one run ended wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killing",
        description="Kill kcheck run at random moments and count how it ends.",
    )
    parser.add_argument("--count", type=int, default=200, help="how many runs [200]")
    parser.add_argument("--seed", type=int, default=0, help="for moments and victims [0]")
    options = parser.parse_args(argv)
    # In the background of a script it is ignored, and a run would keep it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = subject(folder)
        whole, undisturbed = _whole(command, folder)
        endings = []
        for at in range(options.count):
            way, moment = draw.choice(list(WAYS)), draw.uniform(0, whole)
            endings.append(killed(command, folder, way, moment, undisturbed=undisturbed))
            say(f"{at + 1} of {options.count}: {endings[-1]}")
    print(_table(endings, whole))
    return int(any(ending.wrong for ending in endings))


def _whole(command: Sequence[str], folder: Path) -> tuple[float, object]:
    """Seconds and results of a run that nobody disturbs."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=child_environment(), stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - start, results(done.stdout)


def _table(endings: Sequence[Ending], whole: float) -> str:
    rows = [("way", "runs", "too late", "exit codes", "slowest end", "left behind", "wrong")]
    for way in WAYS:
        mine = [ending for ending in endings if ending.way == way]
        hit = [ending for ending in mine if not ending.late]
        codes = ", ".join(
            f"{code}: {count}" for code, count in sorted(Counter(ending.code for ending in hit).items())
        )
        slowest = duration(max((ending.seconds for ending in hit), default=0.0)) if hit else "-"
        left = (
            f"{sum(ending.processes for ending in hit)} processes, {sum(ending.folders for ending in hit)} "
            "folders"
        )
        rows.append(
            (
                way,
                str(len(mine)),
                str(len(mine) - len(hit)),
                codes,
                slowest,
                left,
                str(sum(ending.wrong for ending in mine)),
            )
        )
    return f"{len(endings)} runs; one that nobody disturbs takes {duration(whole)}\n{aligned(rows)}"


if __name__ == "__main__":
    sys.exit(main())
