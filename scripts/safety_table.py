"""Run kcheck on every row of the safety table and show the results.

    python scripts/safety_table.py                         print the table
    python scripts/safety_table.py --write docs/safety.md  write it between the markers of the file

The exit code is 0 if every row has the expected exit code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo import fill_blocks

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers import crafted_archives as crafted  # noqa: E402
from tests.helpers.in_process import (  # noqa: E402
    Completed,
    NoWorkers,
    SharedForkServer,
    in_folder,
    lowered,
    run_in_process,
)
from tests.hostile.inputs import archives, arrays, loaded, models, scalers, tables  # noqa: E402
from tests.hostile.inputs.rows import Row  # noqa: E402

__all__ = ["main"]

PARTS = (archives, models, scalers, arrays, tables, loaded)


def run_rows(folder: Path) -> Iterator[tuple[Row, Completed]]:
    """Yield every row with the result of its call; the files are written into `folder` first."""
    crafted.write_archive(folder / "mlp.keras")
    for part in (archives, arrays, models, scalers, tables, loaded):
        part.build(folder)
    with in_folder(folder):
        warm = SharedForkServer()
        for row in (row for part in PARTS for row in part.ROWS):
            server = warm if row.is_loaded else NoWorkers()
            with lowered(row.caps):
                yield row, run_in_process(*row.line.split(), fork_server=server)
        warm.end()


def line(row: Row, completed: Completed) -> str:
    """Return one line of the table: the input, the exit code, and a message.

    The message is the first line of the error, or the last line of the report.
    """
    ending = completed.out.splitlines()[-1:] or [""]
    shown = completed.message or ending[0].partition(" in ")[0]
    return f"| {row.name} | {completed.code} | `{shown.replace('|', chr(92) + '|')}` |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description="Run kcheck on every row of the safety table.")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the table between the markers of this file"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        results = list(run_rows(Path(folder)))
    table = "\n".join(
        (
            "| input | exit code | message |",
            "|---|---|---|",
            *(line(row, completed) for row, completed in results),
        )
    )
    if options.write is None:
        print(table)
    else:
        options.write.write_text(
            fill_blocks(options.write.read_text(encoding="utf-8"), {"rows": table}), encoding="utf-8"
        )
    wrong = [row.name for row, completed in results if completed.code != row.code]
    print(
        f"{len(results)} rows, {len(wrong)} not as expected{': ' if wrong else ''}{', '.join(wrong)}",
        file=sys.stderr,
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
