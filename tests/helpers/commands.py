"""Run the real command in a separate environment, so that leftover files and processes can be counted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ROOT", "Surroundings"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Surroundings:
    """A folder for temporary files, and a marker in the environment of every process started here."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def temporary(self) -> Path:
        """The folder for temporary files, which the command must leave empty."""
        path = self.folder / "temporary"
        path.mkdir(exist_ok=True)
        return path

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the environment of the command."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KCHECK_")}
        path = os.pathsep.join(filter(None, (extra.pop("before", ""), str(ROOT))))
        return {
            **clean,
            "PYTHONPATH": path,
            "TMPDIR": str(self.temporary),
            "SURROUNDINGS": self.mark,
            **extra,
        }

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start kcheck in a new session."""
        line = [sys.executable, "-m", "keras_consistency_cli", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            line, text=True, cwd=self.folder, env=self.environment(**extra), start_new_session=True, **pipes
        )  # type: ignore[call-overload, no-any-return]

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run kcheck until it ends."""
        process = self.start(*arguments, **extra)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self) -> list[int]:
        """Return the ids of all processes that were started here and still run."""
        processes = []
        for entry in Path("/proc").iterdir():
            try:
                if (
                    entry.name.isdigit()
                    and f"SURROUNDINGS={self.mark}".encode() in (entry / "environ").read_bytes()
                ):
                    processes.append(int(entry.name))
            except OSError:
                continue
        return processes

    def left_behind(self) -> tuple[list[int], list[str]]:
        """Return processes and temporary files that remain after killed processes had time to end."""
        for _ in range(100):
            if not self.processes():
                break
            time.sleep(0.05)
        return self.processes(), sorted(path.name for path in self.temporary.iterdir())
