"""Write the files of exact versions that the Makefile installs with.

    python scripts/constraints.py constraints.txt           the newest versions, resolved in a fresh
    environment (needs the package index) python scripts/constraints.py --lowest constraints-lowest.txt   the
    lower bounds that pyproject.toml states

Run it with the oldest Python that is supported: what can be installed there can be installed on the newer
ones.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["lowest", "main", "newest"]

ROOT = Path(__file__).resolve().parent.parent
_HEADERS = {
    True: (
        "# The lower bounds of pyproject.toml, written by scripts/constraints.py --lowest; see "
        "CONTRIBUTING.md.\n"
    ),
    False: (
        f"# Resolved on Python {sys.version_info[0]}.{sys.version_info[1]} by `make constraints`; see "
        "CONTRIBUTING.md.\n"
    ),
}


def newest() -> list[str]:
    """Install kcheck with its development tools into a fresh environment; return what pip put there, as
    name==version.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", f"{ROOT}[dev]"], check=True)
        frozen = subprocess.run(
            [*pip, "freeze", "--exclude", _project()["name"]], check=True, capture_output=True, text=True
        ).stdout
    return _with_both_tensorflows(frozen.split())


def lowest() -> list[str]:
    """Return the lower bounds of the dependencies as name==version."""
    bounds = (
        re.match(r"([\w.-]+)\s*>=\s*([\w.]+)", requirement) for requirement in _project()["dependencies"]
    )
    return _with_both_tensorflows([f"{bound[1]}=={bound[2]}" for bound in bounds if bound])


def _project() -> dict[str, Any]:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(found, dict)
    return found


def _with_both_tensorflows(lines: Sequence[str]) -> list[str]:
    """TensorFlow has one name on x86 Linux and another elsewhere; a constraint on what is not installed does
    no harm.
    """
    by_name = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower(): line.partition("==")[2] for line in lines
    }
    version = by_name.get("tensorflow-cpu") or by_name["tensorflow"]
    by_name |= {"tensorflow": version, "tensorflow-cpu": version}
    return [f"{name}=={by_name[name]}" for name in sorted(by_name)]


def main(argv: Sequence[str] | None = None) -> int:
    """Write one file of constraints."""
    parser = argparse.ArgumentParser(description="Write a file of exact versions.")
    parser.add_argument(
        "--lowest",
        action="store_true",
        help="the lower bounds of pyproject.toml instead of the newest versions",
    )
    parser.add_argument("file", type=Path)
    chosen = parser.parse_args(argv)
    lines = lowest() if chosen.lowest else newest()
    chosen.file.write_text(_HEADERS[chosen.lowest] + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
