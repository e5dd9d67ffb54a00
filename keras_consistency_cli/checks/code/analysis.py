"""`kcheck code`: read files of code, follow them, and return what the rules find."""

from __future__ import annotations

import ast
import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from keras_consistency_cli.checks.code.engine.program import Followed, Program
from keras_consistency_cli.checks.code.engine.trace import Event, Trace
from keras_consistency_cli.checks.code.files import ModelFacts, ScalerFacts, TrainingFacts
from keras_consistency_cli.checks.code.reader import Notice, Reader
from keras_consistency_cli.checks.code.reading.sources import Source
from keras_consistency_cli.checks.code.reads import Reads
from keras_consistency_cli.checks.code.registry import RULES
from keras_consistency_cli.checks.code.rule import Evidence, Finding, Hit, Rule
from keras_consistency_cli.text import clean

__all__ = ["CodeReport", "Notice", "analyse"]

_SCALER_ENDINGS = (".pkl", ".pickle", ".joblib", ".save", ".gz", ".skops", ".bin")
_MODEL_ENDINGS = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True, kw_only=True)
class CodeReport:
    """What `kcheck code` found.

    Args:
        findings: in order of path and line.
        notices: files that could not be read, or not all of them.
        files: how many files were read.
        skipped: how many tests below folders were left out.
        ignored: how many findings a comment switched off.
    """

    findings: tuple[Finding, ...]
    notices: tuple[Notice, ...] = ()
    files: int = 0
    skipped: int = 0
    ignored: int = 0

    @property
    def unreadable(self) -> int:
        """How many files could not be read at all."""
        return sum(not notice.is_partial for notice in self.notices)


def analyse(
    files: Sequence[Path],
    rules: Sequence[Rule] = RULES,
    *,
    model: ModelFacts | None = None,
    scaler: ScalerFacts | None = None,
) -> CodeReport:
    """Follow the code in files, and return what the rules find.

    Args:
        files: Python files and notebooks.
        rules: the rules to use.
        model: what is known of the model that the code serves.
        scaler: what is known of its scaler.
    """
    with _without_collection():
        return _analyse(files, rules, model, scaler)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the garbage collector: trees stay until the end, and it would go through them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _analyse(
    files: Sequence[Path], rules: Sequence[Rule], model: ModelFacts | None, scaler: ScalerFacts | None
) -> CodeReport:
    reader = Reader(files)
    followed = _follow(files, reader)
    training = _training([trace for each in followed for trace in each.traces], reader)
    imported = Counter(name for each in followed for name in _imported(each.module.tree))
    results, reads = _Found(reader), Reads()
    for each in followed:
        evidence = _evidence(each, model, scaler, training, reader)
        if any(trace.events for trace in each.traces):
            names, handed_on = imported + reads.of(each.module), reads.handed_on(each.module)
            evidence = replace(evidence, names=names, handed_on=handed_on)
        results.examine(evidence, rules)
    return CodeReport(
        findings=tuple(sorted(results.findings.values())),
        notices=tuple(reader.notices.values()),
        files=len(files),
        ignored=len(results.ignored),
    )


def _follow(files: Sequence[Path], reader: Reader) -> list[Followed]:
    """Follow every way through the files: first what each does once, then what it does for a request."""
    program = Program(reader.parsed, reader.show)
    found = {path: read.parsed for path in files if (read := reader.read(path)) is not None}
    for path in reader.importers([path for path in files if path not in found], list(found)):
        read = reader.read(path, is_imported=True)
        if read is not None:
            found[path] = read.parsed
    started: dict[Path, Followed] = {}
    for path in (path for path in files if path in found):
        with _noted(path, reader):
            started[path] = program.start(path, found[path])
    for path, followed in started.items():
        with _noted(path, reader):
            program.follow(followed)
    return list(started.values())


@contextmanager
def _noted(path: Path, reader: Reader) -> Iterator[None]:
    """Code of any kind is read: a mistake of the reader in one file must not hide the others."""
    try:
        yield
    except Exception as error:
        reader.note(path, f"cannot be followed: {type(error).__name__}")


def _evidence(
    followed: Followed,
    model: ModelFacts | None,
    scaler: ScalerFacts | None,
    training: TrainingFacts,
    reader: Reader,
) -> Evidence:
    files = (scaler.path,) if scaler is not None else _scalers_beside(followed)
    return Evidence(
        module=followed.module,
        traces=tuple(followed.traces),
        describe=reader.describe,
        model=model,
        scaler=scaler,
        training=replace(training, scaler_files=files),
        is_model_named=model is not None and _loads(followed, model),
    )


def _loads(followed: Followed, model: ModelFacts) -> bool:
    """Whether the file loads a model of this name."""
    name = PurePath(model.path).name
    return any(PurePath(path).name == name for path in _loaded_paths(followed))


def _loaded_paths(followed: Followed) -> list[str]:
    """The paths of files that the code loads, as far as they are written out."""
    things = (event.subject.thing for trace in followed.traces for event in trace.of("load"))
    return [thing.path for thing in things if thing is not None and thing.path]


def _imported(tree: ast.Module) -> list[str]:
    return [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]


def _training(traces: Sequence[Trace], reader: Reader) -> TrainingFacts:
    """How training reads and scales its pictures, in any of the files."""
    rescales = reads = ""
    for trace in traces:
        for event in trace.of("training-data"):
            place = reader.describe(event.site)
            reads = reads or place
            if "rescale" in event.options:
                rescales = rescales or place
    again = frozenset(event.site for trace in traces for event in _fitted_again(trace))
    return TrainingFacts(rescales=rescales, reads_rgb=reads, fitted_again=again)


def _fitted_again(trace: Trace) -> Iterator[Event]:
    """The fits of a way through a program that loads a model and trains none."""
    if trace.of("load") and not trace.of("train"):
        yield from (event for event in trace.of("fit") if not event.data.has("request"))


def _scalers_beside(followed: Followed) -> tuple[str, ...]:
    """Files that hold a scaler, in the folder of the model that the code loads."""
    models = [path for path in _loaded_paths(followed) if path.endswith(_MODEL_ENDINGS)]
    folders = dict.fromkeys(Path(followed.module.folder, path).parent for path in models)
    return tuple(dict.fromkeys(name for folder in folders for name in _scalers_in(folder)))


def _scalers_in(folder: Path) -> list[str]:
    try:
        names = sorted(each.name for each in folder.iterdir())
    except (OSError, ValueError):
        return []
    return [name for name in names if "scaler" in name.casefold() and name.endswith(_SCALER_ENDINGS)]


_Key = tuple[str, str, int, int]


class _Found:
    """The findings: each place once per rule, although several ways lead there."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.findings: dict[_Key, Finding] = {}
        self.ignored: set[_Key] = set()

    def examine(self, evidence: Evidence, rules: Sequence[Rule]) -> None:
        """Add what the rules find on all ways that start in one file."""
        for rule in rules:
            for hit in rule.examine(evidence):
                self._add(rule, hit)

    def _add(self, rule: Rule, hit: Hit) -> None:
        source = self._reader.source(hit.site.path)
        if source is None:
            return
        key = (rule.code, *hit.site)
        codes = source.ignored.get(hit.site.line)
        if codes is not None and (not codes or rule.code in codes):
            self.ignored.add(key)
        elif key not in self.findings:
            self.findings[key] = _finding(rule, hit, source, self._reader.position(hit.site))


def _finding(rule: Rule, hit: Hit, source: Source, position: tuple[int, int]) -> Finding:
    cell, line = position
    return Finding(
        path=clean(hit.site.path),
        cell=cell,
        line=line,
        column=hit.site.column,
        code=rule.code,
        name=rule.name,
        severity=hit.severity or rule.severity,
        message=clean(hit.words, 300),
        fix=clean(hit.fix, 200),
        source=clean(source.line(hit.site.line).strip(), 200),
    )
