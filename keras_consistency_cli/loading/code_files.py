"""Files with the model's own classes: they must exist; a worker runs them, the parent process does not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["check_code_files"]


def check_code_files(files: Iterable[Path]) -> None:
    """Refuse files of `--custom-objects` that do not exist.

    Raises:
        UsageError: names the first of them.
    """
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"--custom-objects {clean(file)}: there is no such file",
                expected="a Python file with the model's own classes",
            )
