"""Kill processes of `kcheck fleet` at random moments: `python -m benchmarks.fleet_killing`. Linux only.

The models are the samples and cases of tests/corpus. A fleet of them runs undisturbed, then a second time
while workers and fork servers get SIGKILL. Both must give the same JSON, except for times and attempts.
Models that differ run once more undisturbed: of those that draw random numbers, only verdicts are compared.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.killing import WORKER_PROGRAM
from benchmarks.measure import child_environment, duration, kcheck, say
from tests.corpus.cases import Case, write
from tests.corpus.catalogue import ALL_CASES, stratified

__all__ = ["find_differences", "main"]

_LISTS = ("custom_objects",)
"""Options of a case whose value in a YAML file is a list."""
_VARYING = frozenset({"elapsed_s", "tracing_s", "attempts"})
"""Keys of the JSON report that differ between two undisturbed runs."""
_MEASURED_TIME = "KC206"
"""The check whose result is a time."""
_LAST_KILL = 0.7
"""Share of the undisturbed duration in which processes are killed: the other fleet may be faster."""
_FIRST_MODEL_S = 5.0

Entry = dict[str, str | list[str]]
Reports = dict[str, dict[str, Any]]
"""The documents of the models by name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run both fleets and print what differs; return 1 if something does."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fleet_killing",
        description="Kill processes of kcheck fleet at random and compare its JSON with an undisturbed run.",
    )
    parser.add_argument("--models", type=int, default=200, help="number of models [200]")
    parser.add_argument("--kills", type=int, default=20, help="number of processes to kill [20]")
    parser.add_argument("--seed", type=int, default=0, help="seed for cases, moments and victims [0]")
    options = parser.parse_args(argv)
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        entries = _write_models(folder, options.models, options.seed)
        seconds, undisturbed, _ = _run_fleet(folder, entries, [], draw)
        say(f"{len(entries)} models undisturbed: {duration(seconds)}")
        moments = sorted(draw.uniform(_FIRST_MODEL_S, _LAST_KILL * seconds) for _ in range(options.kills))
        disturbed_seconds, disturbed, killed = _run_fleet(folder, entries, moments, draw)
        different = _differences_by_model(undisturbed, disturbed)
        say(f"undisturbed once more: {', '.join(different)}")
        again = [entry for entry in entries if entry["name"] in different]
        repeated = _run_fleet(folder, again, [], draw)[1] if again else {}
    unsteady = _differences_by_model({name: undisturbed[name] for name in repeated}, repeated)
    caused = [line for name, lines in different.items() if name not in unsteady for line in lines]
    caused += find_differences(_verdicts(undisturbed, unsteady), _verdicts(disturbed, unsteady))
    print(
        f"{len(entries)} models, {killed} processes killed: {duration(disturbed_seconds)} instead of "
        f"{duration(seconds)}; {len(unsteady)} models give other numbers in each run, killed or not; "
        f"{len(caused)} other values of the JSON report differ"
    )
    print("\n".join(caused[:40]))
    return int(bool(caused) or killed < options.kills)


def _differences_by_model(first: Reports, second: Reports) -> dict[str, list[str]]:
    """Return the places at which the reports on a model differ, by its name; nothing for the others."""
    found = {name: find_differences(report, second.get(name), name) for name, report in first.items()}
    return {name: lines for name, lines in found.items() if lines}


def _verdicts(reports: Reports, names: Iterable[str]) -> Reports:
    """Return what a pipeline reads of the reports on these models: failed checks and causes."""
    found: Reports = {}
    for name in names:
        report = reports[name].get("report") or {}
        failed = [result["code"] for result in report.get("results", ()) if result["status"] == "fail"]
        causes = [diagnosis["cause"] for diagnosis in report.get("diagnoses", ())]
        found[name] = {"outcome": reports[name].get("outcome"), "failed": failed, "causes": causes}
    return found


def _write_models(folder: Path, count: int, seed: int) -> list[Entry]:
    """Save the samples and cases of the corpus; return the entries of a fleet file."""
    subprocess.run(
        [sys.executable, "sample_models/make_samples.py", "--into", str(folder / "samples")], check=True
    )
    entries: list[Entry] = [
        {"name": path.parent.name, "model": str(path)}
        for path in sorted((folder / "samples").glob("*/model.keras"))
    ]
    for number, case in enumerate(stratified(ALL_CASES, 2 * count, seed)):
        if len(entries) == count:
            break
        entry = _write_case(case, folder / f"case-{number:03d}")
        entries += [entry] if entry is not None else []
    return entries


def _write_case(case: Case, folder: Path) -> Entry | None:
    """Save a case; None if it has options that are no plain keys of a YAML file."""
    files = write(case, folder)
    names, values = files.args[::2], files.args[1::2]
    if len(names) != len(values) or any(name.startswith("--") for name in values):
        return None
    keys = [name.removeprefix("--").replace("-", "_") for name in names]
    if not {*keys} <= {"data", "scaler", "reference", "served", "expected", "target_scaler", *_LISTS}:
        return None
    stated = {key: [value] if key in _LISTS else value for key, value in zip(keys, values, strict=True)}
    return {"name": folder.name, "model": str(files.model), **stated}


def _run_fleet(
    folder: Path, entries: Sequence[Entry], moments: Sequence[float], draw: random.Random
) -> tuple[float, Reports, int]:
    """Return the duration of a fleet, its JSON reports by model, and how many processes were killed."""
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"models": list(entries)}), encoding="utf-8")
    start = time.perf_counter()
    options = ("--quiet", "--jobs", "2", "--retries", "5", "--format", "json=report.json")
    command = kcheck("fleet", "fleet.yaml", *options)
    process = subprocess.Popen(command, cwd=folder, env=child_environment())
    killed: list[int] = []
    killer = threading.Thread(target=_kill_at, args=(process, start, moments, draw, killed))
    killer.start()
    process.wait()
    seconds = time.perf_counter() - start
    killer.join()
    if process.returncode not in (0, 1, 3):
        raise RuntimeError(f"exit code {process.returncode} of kcheck fleet")
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return seconds, {model["name"]: model for model in document["models"]}, len(killed)


def _kill_at(
    fleet: subprocess.Popen[bytes],
    start: float,
    moments: Sequence[float],
    draw: random.Random,
    killed: list[int],
) -> None:
    """Kill a process of the fleet at each of the moments, in seconds after the start."""
    for moment in moments:
        time.sleep(max(0.0, start + moment - time.perf_counter()))
        victim = _wait_for_victim(fleet, draw)
        if victim is None:
            return
        say(f"{moment:.0f} s: process {victim.pid} is killed")
        victim.kill()
        killed.append(victim.pid)


def _wait_for_victim(fleet: subprocess.Popen[bytes], draw: random.Random) -> psutil.Process | None:
    """Return a process of the fleet as soon as there is one; None if the fleet has ended."""
    while fleet.poll() is None:
        if (victim := _choose_victim(fleet.pid, draw)) is not None:
            return victim
        time.sleep(0.01)
    return None


def _choose_victim(fleet: int, draw: random.Random) -> psutil.Process | None:
    """Return a worker or fork server of the fleet that runs now."""
    try:
        below = psutil.Process(fleet).children(recursive=True)
        workers = [child for child in below if WORKER_PROGRAM in " ".join(child.cmdline())]
    except psutil.Error:
        return None
    return draw.choice(workers) if workers else None


def find_differences(first: object, second: object, place: str = "") -> list[str]:
    """Return the places at which two JSON documents differ, without what varies from run to run."""
    if isinstance(first, Mapping) and first.get("code") == _MEASURED_TIME:
        return []
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        keys = sorted({*first, *second} - _VARYING)
        pairs = [(f"{place}.{key}", first.get(key), second.get(key)) for key in keys]
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        pairs = [(f"{place}[{number}]", *pair) for number, pair in enumerate(zip(first, second, strict=True))]
    else:
        return [] if first == second else [f"{place}: {str(first)[:200]} | {str(second)[:200]}"]
    return [line for name, mine, other in pairs for line in find_differences(mine, other, name)]


if __name__ == "__main__":
    sys.exit(main())
