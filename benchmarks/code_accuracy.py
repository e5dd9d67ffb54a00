"""Count how often `kcheck code` is right on tests/code_corpus, and measure its speed.

`python -m benchmarks.code_accuracy` reads each file of the corpus alone and compares its findings with
expected.yaml. Then it reads 1,000 files, copies of the corpus, on one core. The exit code is 1 if there is a
false alarm, more than one fault in twenty is missed, or the 1,000 files take more than 5 seconds.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

from keras_consistency_cli.checks.code.analysis import analyse
from keras_consistency_cli.checks.code.registry import RULES

__all__ = ["count", "main", "seconds_for"]

_CORPUS = Path(__file__).resolve().parents[1] / "tests" / "code_corpus"
_FILES = 1_000
_MOST_SECONDS = 5.0
_MOST_MISSED = 0.05


def corpus_files() -> list[Path]:
    """Return the files of the corpus."""
    return sorted(path for path in _CORPUS.glob("*/*") if path.suffix in (".py", ".ipynb"))


def count() -> tuple[Counter[str], list[str], list[str]]:
    """Return how many faults of each rule were found, which were missed, and the false alarms."""
    expected = yaml.safe_load((_CORPUS / "expected.yaml").read_text(encoding="utf-8"))
    found: Counter[str] = Counter()
    missed: list[str] = []
    alarms: list[str] = []
    for path in corpus_files():
        name = path.relative_to(_CORPUS).as_posix()
        codes = {f"{each.code}:{each.line}" for each in analyse([path]).findings}
        wanted = set(expected.get(name, ()))
        found.update(entry.partition(":")[0] for entry in codes & wanted)
        missed += [f"{name} {entry}" for entry in sorted(wanted - codes)]
        alarms += [f"{name} {entry}" for entry in sorted(codes - wanted)]
    return found, missed, alarms


def seconds_for(amount: int) -> float:
    """Return the seconds that this number of files takes: copies of the corpus in several folders."""
    files = corpus_files()
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for number in range(amount):
            source = files[number % len(files)]
            copy = Path(folder) / str(number // len(files)) / source.name
            copy.parent.mkdir(exist_ok=True)
            copies.append(Path(shutil.copy(source, copy)))
        start = time.perf_counter()
        analyse(copies)
        return time.perf_counter() - start


def main() -> int:
    """Print the counts and the speed, and return the exit code."""
    found, missed, alarms = count()
    total = sum(found.values()) + len(missed)
    files = Counter(path.parent.name for path in corpus_files())
    for rule in RULES:
        lost = sum(entry.split()[1].startswith(rule.code) for entry in missed)
        print(f"{rule.code}  {rule.name:26}  {found[rule.code]} of {found[rule.code] + lost}")
    print(f"{files['guilty']} files with faults: {sum(found.values())} of {total} faults found")
    print(f"{files['innocent']} files without: {len(alarms)} false alarms")
    for entry in (*(f"missed: {each}" for each in missed), *(f"false alarm: {each}" for each in alarms)):
        print(entry)
    seconds = seconds_for(_FILES)
    print(f"{_FILES:,} files in {seconds:.1f} s")
    return int(bool(alarms) or len(missed) > _MOST_MISSED * total or seconds > _MOST_SECONDS)


if __name__ == "__main__":
    raise SystemExit(main())
