"""Show that a restructuring changed no report: record the reports before and after it, and compare.

    python scripts/compare_reports.py record /tmp/reports/before
    python scripts/compare_reports.py record /tmp/reports/after --package-root ../changed
    python scripts/compare_reports.py compare /tmp/reports/before /tmp/reports/after

The models are all of sample_models/ and 60 cases of tests/corpus. They are built once, into the folder
`report_inputs` next to the reports, and both recordings use the same files: a model that is built a second
time has a different SHA-256.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

import yaml

__all__ = [
    "IGNORED",
    "UNREPEATABLE",
    "Difference",
    "Run",
    "build_inputs",
    "compare",
    "differences",
    "main",
    "record",
    "spread",
]

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_models"
CORPUS_CASES = 60
TIMEOUT_S = 600.0

_WORDS = "a text for people"
_TIME = "a time, different in every run"
_VERSION = "the version of kcheck"

IGNORED: Mapping[str, str] = {
    "*.stderr": _WORDS,
    "*.report.error.*": _WORDS,
    "*.report.notes.*": _WORDS,
    "*.report.lost.*": _WORDS,
    "*.report.facts.notes.*": _WORDS,
    "*.report.facts.shadow_refused": _WORDS,
    "*.report.environment.isolation_lacks.*": _WORDS,
    "*.report.unexplained.*.ruled_out.*": _WORDS,
    "*.report.diagnoses.*.sentence": _WORDS,
    "*.report.diagnoses.*.advice": _WORDS,
    "*.report.diagnoses.*.confirmation": _WORDS,
    "*.report.results.*.message": _WORDS,
    "*.report.results.*.advice": _WORDS,
    "*.reason": _WORDS,
    "*.misshapen": _WORDS,
    "*.findings.all.*": "the sentences of KC501",
    "*.findings.blame": "the setting that changes the outputs, in the words of KC605",
    "*.findings.failure": "an error message, in KC801",
    "*.findings.forms.*": "the form of recorded outputs, in the words of KC802",
    "*.findings.found.*": "the sentences of KC402; in KC303 `found` itself is a fixed keyword",
    "*.findings.layers.*": "a sentence for each layer, in KC401",
    "*.findings.mend": "the correction, as text or code, in KC501 and KC504",
    "*.findings.moved.*": "a sentence for each feature, in KC702; in KC302 `moved` itself is a number",
    "*.findings.moved_by.*": "the setting that changes the outputs, in the words of KC605",
    "*.findings.rounded.*": "the rounding of recorded outputs, in the words of KC802",
    "*.findings.versions.*.words": "a sentence of KC801",
    "*.predictions": "a phrase for each mistake of scaling, in KC301 and KC305",
    "*.findings.predictions.*": "the phrases of KC403",
    "*.elapsed_s": _TIME,
    "*.findings.seconds_a_row.*": _TIME,
    "*.report.kcheck": _VERSION,
    "*.report.environment.kcheck": _VERSION,
}
"""Values that may differ, by name of the report and path of the value, with the reason.

The value must still be there, have the same type, and not be empty on one side only.
"""

_DRAWN = "the model draws numbers whenever it is loaded"

UNREPEATABLE: Mapping[str, str] = {
    "*.results.KC202.findings.training_effects.*.max_abs": "dropout without a seed draws a new mask",
    "corpus-training-random-contrast.report.results.KC202.*": "a layer without a seed is active on call",
    "corpus-training-random-contrast.report.diagnoses.*": "measured on the outputs of KC202",
    "corpus-files-perceptron-a-random-tf-variable.report.*": _DRAWN,
    "corpus-files-two-heads-a-random-array.report.*": _DRAWN,
    "sample-untracked-state.report.*": _DRAWN,
}
"""Values that differ between two recordings of one checkout, with the reason.

Numbers, lengths of lists and `flipped` are not compared there, everything else is. All other numbers were
identical in two recordings on a busy machine, so they are compared without a tolerance.
"""


# ---------------------------------------------------------------- record


@dataclass(frozen=True, kw_only=True)
class Run:
    """One `kcheck run`: the name of its report, its working directory below the inputs, and its arguments."""

    name: str
    folder: str
    args: list[str]


def record(out: Path, inputs: Path, package_root: Path, jobs: int) -> int:
    """Write OUT/NAME.json for every run and return how many there are."""
    runs = build_inputs(inputs)
    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(jobs) as pool:
        finished = pool.map(lambda run: _record_one(run, out, inputs, package_root), runs)
        for done, _ in enumerate(finished, start=1):
            print(f"\r{done} of {len(runs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return len(runs)


def build_inputs(inputs: Path) -> list[Run]:
    """Build all models and rows in this folder, unless an earlier recording has, and return the runs."""
    index = inputs / "runs.json"
    if not index.exists():
        inputs.mkdir(parents=True, exist_ok=True)
        runs = [*_build_samples(inputs), *_build_cases(inputs)]
        index.write_text(json.dumps([asdict(run) for run in runs], indent=1), encoding="utf-8")
    return [Run(**fields) for fields in json.loads(index.read_text(encoding="utf-8"))]


def _build_samples(inputs: Path) -> Iterator[Run]:
    folder = inputs / "samples"
    folder.mkdir(exist_ok=True)
    shutil.copy(SAMPLES / "layers.py", folder)
    command = [sys.executable, str(SAMPLES / "make_samples.py"), "--into", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for expected in sorted(SAMPLES.glob("*/expected.yaml")):
        name = expected.parent.name
        (data,) = (folder / name).glob("data.np*")
        further = yaml.safe_load(expected.read_text(encoding="utf-8"))["args"]
        args = ["model.keras", "--data", data.name, *further]
        yield Run(name=f"sample-{name}", folder=f"samples/{name}", args=args)


def _build_cases(inputs: Path) -> Iterator[Run]:
    """Build cases of the corpus; Keras is imported here, because comparing does not need it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT))
    from tests.corpus.cases import CUSTOM, write
    from tests.corpus.catalogue import ALL_CASES

    layers = str(shutil.copy(CUSTOM[1], inputs))
    groups: dict[tuple[str, bool], list[int]] = {}
    for number, case in enumerate(ALL_CASES):
        groups.setdefault((case.family, case.faulty), []).append(number)
    for case in (ALL_CASES[number] for number in spread(list(groups.values()), CORPUS_CASES)):
        name = f"corpus-{_slug(case.family)}-{_slug(case.name)}"
        files = write(case, inputs / "corpus" / name)
        args = [files.model.name, *(layers if arg == CUSTOM[1] else arg for arg in files.args)]
        yield Run(name=name, folder=f"corpus/{name}", args=args)


def spread(groups: Sequence[Sequence[int]], count: int) -> list[int]:
    """Return `count` members at equal distances, from each group equally many if it is large enough."""
    shares = [0] * len(groups)
    while sum(shares) < min(count, sum(map(len, groups))):
        unfilled = [at for at, group in enumerate(groups) if shares[at] < len(group)]
        shares[min(unfilled, key=lambda at: shares[at])] += 1
    pairs = zip(groups, shares, strict=True)
    return [group[at * len(group) // share] for group, share in pairs for at in range(share)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _record_one(run: Run, out: Path, inputs: Path, package_root: Path) -> None:
    command = [sys.executable, "-m", "keras_consistency_cli", "run", *run.args, "--format", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCHECK_")}
    environment["PYTHONPATH"] = str(package_root)
    done = subprocess.run(
        command,
        cwd=inputs / run.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    recorded = {"exit_code": done.returncode, "stderr": done.stderr, "report": _parsed(done.stdout)}
    text = json.dumps(recorded, indent=1)
    for path, word in ((inputs, "INPUTS"), (package_root, "PACKAGE_ROOT")):
        text = text.replace(str(path), word)
    (out / f"{run.name}.json").write_text(text + "\n", encoding="utf-8")


def _parsed(text: str) -> Json:
    """Return the document in this text, or None if it is not JSON, as when kcheck only printed an error."""
    try:
        document: Json = json.loads(text)
    except ValueError:
        return None
    return document


# ---------------------------------------------------------------- compare


@dataclass(frozen=True)
class Difference:
    """Two values that should be equal, and their path in the reports."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


def differences(before: Json, after: Json, path: str) -> Iterator[Difference]:
    """Yield the differences between two JSON documents; `path` begins with the name of the report."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(before, after, path)
    elif not _alike(before, after, path):
        yield Difference(path, _shown(before), _shown(after))


def _members(before: dict[str, Json], after: dict[str, Json], path: str) -> Iterator[Difference]:
    if list(before) != list(after) and set(before) == set(after):
        yield Difference(path, f"keys in the order {', '.join(before)}", ", ".join(after))
    for key in dict.fromkeys((*before, *after)):
        if key in before and key in after:
            yield from differences(before[key], after[key], f"{path}.{key}")
        else:
            one, other = (_shown(side[key]) if key in side else "no such key" for side in (before, after))
            yield Difference(f"{path}.{key}", one, other)


def _items(before: list[Json], after: list[Json], path: str) -> Iterator[Difference]:
    if len(before) != len(after) and not _matches(path, UNREPEATABLE):
        yield Difference(path, f"{len(before)} items", f"{len(after)} items")
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        code = one.get("code") if isinstance(one, dict) else None
        yield from differences(one, other, f"{path}.{code or number}")


def _alike(before: Json, after: Json, path: str) -> bool:
    if _matches(path, IGNORED):
        return type(before) is type(after) and (before == "") == (after == "")
    if type(before) is type(after) and before == after:
        return True
    random = path.endswith(".flipped") or (_is_number(before) and _is_number(after))
    return random and _matches(path, UNREPEATABLE)


def _matches(path: str, patterns: Mapping[str, str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _is_number(value: Json) -> bool:
    """Whether this is a number, or a text that represents NaN or infinity, which JSON does not have."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or value in ("NaN", "Infinity", "-Infinity")


def _shown(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def compare(before: Path, after: Path) -> dict[str, list[Difference]]:
    """Return the differences by name of the report; a report that is only in one folder is one difference."""
    names = sorted({path.stem for folder in (before, after) for path in folder.glob("*.json")})
    return {name: _compare_one(before / f"{name}.json", after / f"{name}.json") for name in names}


def _compare_one(before: Path, after: Path) -> list[Difference]:
    if not (before.exists() and after.exists()):
        return [
            Difference(before.stem, *("there" if path.exists() else "missing" for path in (before, after)))
        ]
    one, other = (path.read_text(encoding="utf-8") for path in (before, after))
    return list(differences(_parsed(one), _parsed(other), before.stem))


def summary(by_report: Mapping[str, Sequence[Difference]]) -> str:
    """Return a table of the differences by group of reports, followed by every difference."""
    groups = dict.fromkeys(_group(name) for name in by_report)
    rows = [("reports", "compared", "different", "differences")]
    for group in (*groups, ""):
        counts = [len(found) for name, found in by_report.items() if group in ("", _group(name))]
        rows.append((group or "all", str(len(counts)), str(sum(map(bool, counts))), str(sum(counts))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = ["  ".join(row).rstrip() for row in padded]
    return "\n".join((*lines, "", *(str(one) for found in by_report.values() for one in found)))


def _group(name: str) -> str:
    return "-".join(name.split("-")[:2]) if name.startswith("corpus") else name.split("-")[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Record or compare; the exit code is 1 if there is a difference, or if there is nothing to compare."""
    options = _parser().parse_args(argv)
    if options.command == "record":
        inputs = (options.inputs or options.out.resolve().parent / "report_inputs").resolve()
        return 0 if record(options.out, inputs, options.package_root.resolve(), options.jobs) else 1
    by_report = compare(options.before, options.after)
    print(summary(by_report))
    return 1 if not by_report or any(by_report.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="run kcheck on every model and save the reports")
    recording.add_argument("out", type=Path, metavar="OUT_DIR")
    recording.add_argument(
        "--package-root",
        type=Path,
        default=ROOT,
        metavar="PATH",
        help="folder of the package (default: this one)",
    )
    recording.add_argument(
        "--inputs", type=Path, metavar="DIR", help="models and rows (default: report_inputs, next to OUT_DIR)"
    )
    recording.add_argument("--jobs", type=int, default=2, help="number of runs at the same time (default: 2)")
    comparing = commands.add_parser("compare", help="compare two folders of reports")
    comparing.add_argument("before", type=Path, metavar="BEFORE_DIR")
    comparing.add_argument("after", type=Path, metavar="AFTER_DIR")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
