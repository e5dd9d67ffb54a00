"""Kill `kcheck run` at random moments and count how it ends: `python -m benchmarks.killing`.

Each run draws a moment and a victim: the command itself (Ctrl-C, SIGTERM, SIGKILL), a worker, or the fork
server. No run may end with exit code 0 or leave a process or a temporary file behind. The one exception: if
the command itself gets SIGKILL, its folder stays, and the next run of kcheck removes it.
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

from benchmarks.measure import align_columns, child_environment, duration, kcheck, say

__all__ = ["WAYS", "WORKER_PROGRAM", "Ending", "kill_run", "main", "parse_results", "save_subject"]

WAYS = {
    "Ctrl-C": ("command", signal.SIGINT),
    "SIGTERM": ("command", signal.SIGTERM),
    "SIGKILL": ("command", signal.SIGKILL),
    "worker": ("worker", signal.SIGKILL),
    "fork_server": ("fork_server", signal.SIGKILL),
}
"""The victim and its signal, by name.

While no worker exists, the fork server gets the signal; while no fork server exists, the command does.
"""
_MARK = "KILLED_RUN"
_PATIENCE_S = 120.0
WORKER_PROGRAM = "keras_consistency_cli.workers.child.main"
"""What the command line of every worker and fork server holds."""
_STARTED = WORKER_PROGRAM.encode()


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one run ended.

    `code` is the exit code, or minus the signal that ended the process. `late` is true if the run, or the
    victim's work, had finished before the signal. `seconds` is the time from the signal to the end.
    `processes` and `folders` count the processes and temporary folders that were left behind.
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
        """Whether the run ended with exit code 0, or left behind a process or a folder."""
        # A command that got SIGKILL, also in the place of a worker that did not exist yet, cannot remove its
        # folder.
        command_was_killed = self.code == -signal.SIGKILL
        return not self.late and (self.code == 0 or self.processes > 0 or self.folders > command_was_killed)


def save_subject(folder: Path) -> list[str]:
    """Save a small model and rows into `folder`, and return the command that checks them."""
    import numpy as np

    from benchmarks.models import mlp, mlp_rows

    mlp().save(folder / "mlp.keras")
    np.save(folder / "x.npy", mlp_rows(64))
    return kcheck(
        "run", "mlp.keras", "--data", "x.npy", "--select", "KC101,KC104,KC201,KC602", "--format", "json"
    )


def kill_run(
    command: Sequence[str], folder: Path, way: str, moment: float, *, undisturbed: object = None
) -> Ending:
    """Start a command and send the signal of `way` after `moment` seconds.

    Args:
        command: as `save_subject` returns it.
        folder: the working directory of the command.
        way: one of WAYS.
        moment: seconds from the start to the signal.
        undisturbed: as `parse_results` returns of an undisturbed run. If the run gives the same results,
            a worker or the fork server was killed after its work was finished.
    """
    mark = uuid.uuid4().hex
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="killing-"))
        environment = {**child_environment(), "TMPDIR": temporary, _MARK: mark}
        output = stack.enter_context(tempfile.TemporaryFile())
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)  # type: ignore[call-overload]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        victim_kind, signal_number = WAYS[way]
        victim = _victim(process.pid, victim_kind)
        late = process.poll() is not None or _is_dying(victim)
        sent = time.perf_counter()
        if not late:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal_number)
        code = process.wait(_PATIENCE_S)
        seconds = time.perf_counter() - sent
        processes, folders = _count_left_behind(mark), len(os.listdir(temporary))
        output.seek(0)
        late = late or (
            code == 0
            and victim_kind != "command"
            and undisturbed is not None
            and parse_results(output.read()) == undisturbed
        )
    return Ending(
        way=way, moment=moment, code=code, late=late, seconds=seconds, processes=processes, folders=folders
    )


def parse_results(report: bytes) -> object:
    """Return the results of a JSON report without durations, or None if the text is not a report.

    Durations are the only values that differ from run to run.
    """
    try:
        entries = json.loads(report)["results"]
    except ValueError:
        return None
    return [{name: value for name, value in result.items() if name != "elapsed_s"} for result in entries]


def _victim(command: int, kind: str) -> int:
    fork_servers = (
        [child for child in _children(command) if _STARTED in _command_line(child)]
        if kind != "command"
        else []
    )
    # A forked process has the command line of its parent. Other children, such as the `uname` that Python
    # starts, have a different one.
    workers = (
        [
            worker
            for fork_server in fork_servers
            for worker in _children(fork_server)
            if _STARTED in _command_line(worker)
        ]
        if kind == "worker"
        else []
    )
    # Process ids increase: the last one was forked last, and is the one that works.
    return (workers or fork_servers or [command])[-1]


def _command_line(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return sorted(
            int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        )
    return []


def _is_dying(process: int) -> bool:
    """Whether the process has been killed already: its memory is released, or SIGKILL is pending."""
    with contextlib.suppress(OSError):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        pending = int(status["ShdPnd"], 16) | int(status["SigPnd"], 16)
        return "VmSize" not in status or bool(pending >> (signal.SIGKILL - 1) & 1)
    return True


def _count_left_behind(mark: str) -> int:
    """Return the number of processes of a run that still exist after killed ones had time to end."""
    for _ in range(20):
        if not (count := _count_marked(mark)):
            return 0
        time.sleep(0.025)
    return count


def _count_marked(mark: str) -> int:
    count = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            count += entry.name.isdigit() and f"{_MARK}={mark}".encode() in (entry / "environ").read_bytes()
    return count


def main(argv: Sequence[str] | None = None) -> int:
    """Kill the requested number of runs, print the table, and return 1 if a run ended wrongly."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.killing",
        description="Kill kcheck run at random moments and count how it ends.",
    )
    parser.add_argument("--count", type=int, default=200, help="number of runs [200]")
    parser.add_argument("--seed", type=int, default=0, help="seed for moments and victims [0]")
    options = parser.parse_args(argv)
    # A background process of a shell script ignores SIGINT, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = save_subject(folder)
        full_seconds, undisturbed = _run_undisturbed(command, folder)
        endings = []
        for number in range(options.count):
            way, moment = draw.choice(list(WAYS)), draw.uniform(0, full_seconds)
            endings.append(kill_run(command, folder, way, moment, undisturbed=undisturbed))
            say(f"{number + 1} of {options.count}: {endings[-1]}")
    print(_table(endings, full_seconds))
    return int(any(ending.wrong for ending in endings))


def _run_undisturbed(command: Sequence[str], folder: Path) -> tuple[float, object]:
    """Return the duration and the results of an undisturbed run."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=child_environment(), stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - start, parse_results(done.stdout)


def _table(endings: Sequence[Ending], full_seconds: float) -> str:
    rows = [("way", "runs", "too late", "exit codes", "slowest end", "left behind", "wrong")]
    for way in WAYS:
        of_way = [ending for ending in endings if ending.way == way]
        hit = [ending for ending in of_way if not ending.late]
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
                str(len(of_way)),
                str(len(of_way) - len(hit)),
                codes,
                slowest,
                left,
                str(sum(ending.wrong for ending in of_way)),
            )
        )
    return f"{len(endings)} runs; an undisturbed run takes {duration(full_seconds)}\n{align_columns(rows)}"


if __name__ == "__main__":
    sys.exit(main())
