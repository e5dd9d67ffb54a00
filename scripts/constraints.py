"""Write the files of exact versions that the Makefile passes to pip.

    python scripts/constraints.py constraints.txt                  the newest versions
    python scripts/constraints.py --lowest constraints-lowest.txt  the lower bounds of pyproject.toml

The newest versions are resolved in a new environment, which needs the package index. Run the script with the
oldest supported Python: versions that can be installed there can also be installed on newer ones.
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
    """Install kcheck and its development tools in a new environment; return packages as name==version."""
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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(project, dict)
    return project


def _with_both_tensorflows(lines: Sequence[str]) -> list[str]:
    """Add constraints for both package names of TensorFlow, which depend on the platform.

    A constraint on a package that is not installed has no effect.
    """
    by_name = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower(): line.partition("==")[2] for line in lines
    }
    version = by_name.get("tensorflow-cpu") or by_name["tensorflow"]
    by_name |= {"tensorflow": version, "tensorflow-cpu": version}
    return [f"{name}=={by_name[name]}" for name in sorted(by_name)]


def main(argv: Sequence[str] | None = None) -> int:
    """Write one constraints file."""
    parser = argparse.ArgumentParser(description="Write a file of exact versions.")
    parser.add_argument(
        "--lowest",
        action="store_true",
        help="write the lower bounds of pyproject.toml instead of the newest versions",
    )
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    lines = lowest() if options.lowest else newest()
    options.file.write_text(
        _HEADERS[options.lowest] + "".join(f"{line}\n" for line in lines), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
