"""scripts/transcripts.py runs the console blocks of a page, and compares or updates their output."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.script_modules import script as script_module

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# Page

```console
$ echo one > note; cat note
stale
$ echo 2 \\
  3; exit 4
```

```python
$ not run
```

```console
$ cat note
```
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return script_module("transcripts")


def test_blocks_run_in_order_in_one_folder(script: ModuleType, tmp_path: Path) -> None:
    expected = (
        PAGE.replace("stale", "one")
        .replace("exit 4\n", "exit 4\n2 3\n")
        .replace("$ cat note\n", "$ cat note\none\n")
    )
    assert script.follow(PAGE, tmp_path) == expected


def test_durations_are_not_compared(script: ModuleType) -> None:
    assert script.without_times("16 passed in 3.0 s, exit 0") == script.without_times(
        "16 passed\nin 12 ms, exit 0"
    )
    assert script.without_times("16 passed") != script.without_times("15 passed")


def test_an_outdated_page_is_reported_and_updated(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert (script.main([str(page)]), "out of date" in capsys.readouterr().out) == (1, True)
    assert (script.main([str(page), "--write"]), script.main([str(page)])) == (0, 0)


def test_commands_run_in_a_copy_of_the_sample(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- works in tests/sample_models -->\n\n```console\n$ touch touched; ls | wc -l\n```\n")
    assert script.main([str(page), "--write"]) == 0
    assert not (ROOT / "tests/sample_models/touched").exists()
    assert int(page.read_text().splitlines()[-2]) == len(list((ROOT / "tests/sample_models").iterdir())) + 1
