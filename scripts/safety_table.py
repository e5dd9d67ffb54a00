"""Run kcheck on every row of the safety table and show what it answers.

    python scripts/safety_table.py                         print the table
    python scripts/safety_table.py --write docs/safety.md  put it between the markers of the file

The exit code is 0 when every row got the exit code and the words that it must get.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo import filled

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers import crafted_archives as crafted  # noqa: E402
from tests.helpers.in_process import Completed, NoWorkers, SharedForkServer, in_folder, run_in_process  # noqa: E402
from tests.hostile.inputs import archives, arrays, loaded, models, scalers  # noqa: E402
from tests.hostile.inputs.rows import Row  # noqa: E402

__all__ = ["main"]

PARTS = (archives, models, scalers, arrays, loaded)


def answers(folder: Path) -> Iterator[tuple[Row, Completed]]:
    """Yield every row with what kcheck completed, the files written into `folder` first."""
    crafted.write_archive(folder / "mlp.keras")
    for part in (archives, arrays, models, scalers, loaded):
        part.build(folder)
    with in_folder(folder):
        warm = SharedForkServer()
        for row in (row for part in PARTS for row in part.ROWS):
            server = warm if row.model else NoWorkers()
            yield row, run_in_process(*row.line.split(), fork_server=server, further=server)
        warm.end()


def as_expected(row: Row, completed: Completed) -> bool:
    """Whether the row got its exit code and its words."""
    told = " ".join((completed.out + completed.err).split())
    return completed.code == row.code and all(word in told for word in row.words)


def line(row: Row, completed: Completed) -> str:
    """One line of the table: what was given, the exit code, and the first line of the refusal or the last of
    the report.
    """
    told = completed.err.splitlines()[:1] or completed.out.splitlines()[-1:] or [""]
    shown = (
        told[0].removeprefix("kcheck: ").partition(" in ")[0]
        if not completed.err
        else told[0].removeprefix("kcheck: ")
    )
    return f"| {row.name} | {completed.code} | `{shown.replace('|', chr(92) + '|')}` |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description="Run kcheck on every row of the safety table.")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the table between the markers of this file"
    )
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = list(answers(Path(folder)))
    table = "\n".join(
        (
            "| input | exit code | message |",
            "|---|---|---|",
            *(line(row, completed) for row, completed in found),
        )
    )
    if chosen.write is None:
        print(table)
    else:
        chosen.write.write_text(
            filled(chosen.write.read_text(encoding="utf-8"), {"rows": table}), encoding="utf-8"
        )
    wrong = [row.name for row, completed in found if not as_expected(row, completed)]
    print(
        f"{len(found)} rows, {len(wrong)} not as expected{': ' if wrong else ''}{', '.join(wrong)}",
        file=sys.stderr,
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
