"""Table of the seconds that each route of a run takes: `make profile MODEL=m.keras ARGS='--data x.npy'`.

The routes of one worker run one after the other, workers at the same time. Tracing is the part in which
Python functions were traced into graphs; compiling by XLA is not measured separately.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import align_columns, child_environment, kcheck

__all__ = ["format_profile", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kcheck run` with the given arguments and print the table."""
    arguments = sys.argv[1:] if argv is None else argv
    done = subprocess.run(
        kcheck("run", *arguments, "--format", "json"),
        env=child_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 3) or not done.stdout:
        return done.returncode
    report = json.loads(done.stdout)
    if "routes" not in report:
        return done.returncode
    print(format_profile(report))
    return 0


def format_profile(report: Mapping[str, Any]) -> str:
    """Return the routes of a JSON report as a table, the longest first, and the sum by worker."""
    routes = sorted(report["routes"], key=lambda route: -route["elapsed_s"])
    rows = [("route", "worker", "seconds", "tracing"), *(_cells(route) for route in routes)]
    workers = dict.fromkeys(route["worker"] for route in report["routes"])
    sums = [
        f"{worker}: {sum(route['elapsed_s'] for route in routes if route['worker'] == worker):.1f} s"
        for worker in workers
    ]
    return f"{align_columns(rows)}\n\n{', '.join(sums)}; whole run {report['elapsed_s']:.1f} s"


def _cells(route: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return route["name"], route["worker"], f"{route['elapsed_s']:.2f}", f"{route['tracing_s']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
