"""Run an example of every check and cause: `python -m benchmarks.examples docs/examples` writes the pages.

Each page has the command as typed, the first lines that it prints, and the result in one line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.example_cases import NO_EXAMPLE, Example, cause_examples, check_example
from keras_consistency_cli.checks.registry import CHECKS
from keras_consistency_cli.diagnosis.causes.table import CAUSES
from keras_consistency_cli.diagnosis.refusals import REFUSAL_CAUSES
from tests.corpus.cases import Files
from tests.helpers.in_process import SharedForkServer, in_folder, run_in_process

__all__ = ["Shown", "arguments_of", "format_pages", "main", "read_result", "run_example"]

_SHOWN_LINES = 30
_PORT = re.compile(r"(127\.0\.0\.1|localhost):\d+")
_TERMINAL = {"COLUMNS": "80", "NO_COLOR": "1"}
_STATUS = re.compile(r"^\S (PASS|WARN|FAIL|ERROR) +(KC\d+)", re.MULTILINE)
_CAUSE = re.compile(r"^\S (?:CAUSE(?: of a warning)?|NOTE) +([a-z0-9-]+), (\w+)", re.MULTILINE)
_PAGES: Mapping[str, str] = {
    "KC1": "Batches",
    "KC2": "Ways of calling",
    "KC3": "Scaling",
    "KC4": "Normalization",
    "KC5": "Shapes, states and sequences",
    "KC6": "Precision, devices and backends",
    "KC7": "Rows and outputs",
    "KC8": "Saved models",
    "KC90": "Exports",
    "KC91": "Services",
    "refused": "Refused files",
}
_HEAD = """# Examples: {title}

<!-- made by benchmarks/examples.py -->
`make examples` ran these commands on small models of `tests/corpus`, in a terminal of 80 columns. Long
reports are cut after {lines} lines; the last line is always shown.
"""
_INDEX = """# Examples

<!-- made by benchmarks/examples.py -->
An example of every check and of every cause: the command, the first lines of the report, and the result.

| page | shows |
|---|---|
"""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An example that has run: its command, what it printed, and the exit code."""

    shows: str
    model: str
    command: str
    printed: str
    exit_code: int

    @property
    def result(self) -> str:
        """The statuses and causes of the report in one line."""
        return read_result(self.printed, self.exit_code)


def read_result(printed: str, exit_code: int) -> str:
    """Return exit code, statuses and causes, in the order of the report."""
    statuses: dict[str, list[str]] = {}
    for status, code in _STATUS.findall(printed):
        if code not in (named := statuses.setdefault(status, [])):
            named.append(code)
    causes = ", ".join(f"{slug} ({confidence})" for slug, confidence in _CAUSE.findall(printed))
    parts = [f"{status} {' '.join(codes)}" for status, codes in statuses.items()]
    return "; ".join([f"exit {exit_code}", *parts, *([f"cause {causes}"] if causes else [])])


def arguments_of(example: Example, files: Files, folder: Path) -> list[str]:
    """Return the arguments with paths relative to the folder; custom objects are copied into it."""
    words = []
    for word in files.args:
        path = Path(word)
        if path.is_absolute() and path.suffix == ".py" and not path.is_relative_to(folder):
            path = Path(shutil.copy(path, folder))
        words.append(str(path.relative_to(folder)) if path.is_absolute() else word)
    selected = ["--select", ",".join(example.select)] if example.select else []
    return ["run", str(files.model.relative_to(folder)), *words, *selected]


def run_example(example: Example, folder: Path, fork_server: SharedForkServer) -> Shown:
    """Write the files of an example into an empty folder, and run kcheck there.

    Args:
        example: what to run.
        folder: the working directory of `fork_server`.
        fork_server: where the workers come from, so that not every run imports TensorFlow.
    """
    words = arguments_of(example, example.make(folder), folder)
    with in_folder(folder), mock.patch.dict(os.environ, _TERMINAL), example.serve() as further:
        words += further
        done = run_in_process(*words, fork_server=fork_server)
    command, printed = (_PORT.sub(r"\1:18080", text) for text in (shlex.join(words), done.out + done.err))
    return Shown(
        shows=example.shows,
        model=example.model,
        command=f"kcheck {command}",
        printed=printed,
        exit_code=done.code,
    )


def _run_all(examples: Sequence[Example], done: Path) -> list[Shown]:
    """Run the examples that have no result in the file `done`, and add theirs to it."""
    known = {each.shows: each for each in _read_done(done)}
    with tempfile.TemporaryDirectory() as top, in_folder(Path(top)):
        fork_server = SharedForkServer()  # its working directory is that of its workers
        for number, example in enumerate(examples):
            if example.shows in known:
                continue
            shown = run_example(example, Path(top), fork_server)
            known[shown.shows] = shown
            with done.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(asdict(shown))}\n")
            print(f"{number + 1:3d} of {len(examples)}  {shown.shows}: {shown.result}", flush=True)
            _empty(Path(top))
        fork_server.end()
    return [known[example.shows] for example in examples]


def _empty(folder: Path) -> None:
    """Remove the content of a folder that stays the working directory of other processes."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _read_done(done: Path) -> list[Shown]:
    if not done.exists():
        return []
    return [Shown(**json.loads(line)) for line in done.read_text(encoding="utf-8").splitlines()]


def _reported(shown: Shown) -> list[str]:
    """The codes of the checks that do not pass, in the order of the report."""
    return [code for status, code in _STATUS.findall(shown.printed) if status != "PASS"]


def _page_of(shown: Shown) -> str:
    """The family of the first check that reports the example."""
    if shown.shows in REFUSAL_CAUSES:
        return "refused"
    code = next(iter((*_reported(shown), shown.shows)))
    return next(family for family in _PAGES if code.startswith(family))


def format_pages(examples: Sequence[Shown]) -> Mapping[str, str]:
    """Return the text of every page by its file name."""
    pages = {family: [_HEAD.format(title=title, lines=_SHOWN_LINES)] for family, title in _PAGES.items()}
    for check in CHECKS:
        family = next(family for family in _PAGES if check.code.startswith(family))
        pages[family].append(_check_section(check.code, f"{check.name}: {check.title}", examples))
    for shown in examples:
        if not shown.shows.startswith("KC"):
            pages[_page_of(shown)].append(_section(shown))
    for slug in (*CAUSES, *REFUSAL_CAUSES):
        if slug in NO_EXAMPLE:
            pages[_without_example(slug)].append(f"### {slug}\n\nNo example: {NO_EXAMPLE[slug]}.\n")
    lines = [
        f"| [{title}]({_file(family)}) | {_contents(pages[family])} |" for family, title in _PAGES.items()
    ]
    written = {_file(family): "\n".join(parts) for family, parts in pages.items()}
    return {**written, "index.md": _INDEX + "\n".join(lines) + "\n"}


def _file(family: str) -> str:
    return f"{re.sub('[^a-z]+', '-', _PAGES[family].lower())}.md"


def _contents(sections: Sequence[str]) -> str:
    names = [found[1] for section in sections if (found := re.match(r"###? (\S+)", section))]
    return ", ".join(names)


def _without_example(slug: str) -> str:
    targets = {"endpoint-": "KC91", "runtime-": "KC90", "export-": "KC90", "package-": "refused"}
    return next((page for start, page in targets.items() if slug.startswith(start)), "KC6")


def _check_section(code: str, title: str, examples: Sequence[Shown]) -> str:
    """The causes whose examples this check reports, or its own run, or the reason why there is none."""
    lines = [f"## {code} {title.split(':')[0]}\n", f"{_sentence(title.partition(': ')[2])}\n"]
    reporting = [each for each in examples if code in _reported(each) and not each.shows.startswith("KC")]
    links = [f"[{each.shows}]({_file(_page_of(each))}#{each.shows})" for each in reporting]
    own = [shown for shown in examples if shown.shows == code]
    if links:
        lines.append(f"Reports: {', '.join(links)}.\n")
    lines += [_run_text(shown) for shown in own]
    if not links and not own:
        lines.append(f"No example: {NO_EXAMPLE[code]}.\n")
    return "\n".join(lines)


def _section(shown: Shown) -> str:
    slug = shown.shows
    cause = CAUSES.get(slug) or REFUSAL_CAUSES[slug]
    sentence = cause.sentence.replace("{layer}", "a layer")
    return f"### {slug}\n\n{_sentence(sentence)}\n\n{_run_text(shown)}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _run_text(shown: Shown) -> str:
    lines = shown.printed.rstrip().splitlines()
    if len(lines) > _SHOWN_LINES + 3:
        lines = [*lines[:_SHOWN_LINES], f"[... {len(lines) - _SHOWN_LINES - 1} more lines]", lines[-1]]
    printed = "\n".join(line.rstrip() for line in lines)
    noun = "Service" if shown.shows.startswith("endpoint-") else "Case"
    return (
        f"{noun}: {shown.model}.\n\n```console\n$ {shown.command}\n{printed}\n```\n\nResult: {shown.result}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run every example and write all pages into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.examples", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the pages, such as docs/examples")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="print the examples of causes with TEXT in them"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="file of results, which are not run again"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        done = (options.resume or Path(folder) / "done.jsonl").resolve()
        shown = _run_all([each for each in cause_examples() if options.only in each.shows], done)
        if options.only:
            print("\n".join(map(_run_text, shown)))
            return 0
        reported = {code for each in shown for code in _reported(each)}
        codes = [check.code for check in CHECKS if check.code not in {*reported, *NO_EXAMPLE}]
        shown += _run_all([check_example(code) for code in codes], done)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, text in format_pages(shown).items():
        (options.folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
