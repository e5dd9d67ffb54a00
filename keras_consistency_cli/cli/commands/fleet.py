"""`kcheck fleet`: check many models with one command, one table and one exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_consistency_cli.cli import console
from keras_consistency_cli.cli.invocation import Call
from keras_consistency_cli.cli.options import OPTIONS, option, with_options
from keras_consistency_cli.cli.runner import amount_of, canvas_for, write_reports
from keras_consistency_cli.config.report_targets import DISPLAY_SETTINGS, Destination
from keras_consistency_cli.errors import NoVerdictError, UsageError
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.signals import Interruption, allow_longer_ending

if TYPE_CHECKING:
    from keras_consistency_cli.config.settings import Settings
    from keras_consistency_cli.pipeline.fleet.place import FleetObserver, FleetOptions, Place
    from keras_consistency_cli.pipeline.fleet.run import FleetRun
    from keras_consistency_cli.pipeline.fleet.task import FleetTask
    from keras_consistency_cli.reporting.fleet.report import FleetReport
    from keras_consistency_cli.workers.forkserver import ForkServer

__all__ = ["fleet"]

_NOT_FOR_A_FLEET = ("model", "bundle", "served", "expected")
_OWN = ("models", "jobs", "scheduler", "scheduler_file", "send_files", "resume", "retries", "fail_fast")
_ENDING_S = 20.0
"""Seconds to write what is done after Ctrl-C."""


@with_options(*(name for name in OPTIONS if name not in _NOT_FOR_A_FLEET))
def fleet(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            help="Models, patterns such as 'models/*.keras', folders, or a YAML file with a list of models.",
            metavar="MODELS...|DIR|FLEET.yaml",
            show_default=False,
        ),
    ],
    *,
    jobs: Annotated[
        int | None, option("Models to check at the same time. [half of the processors]", "N")
    ] = None,
    scheduler: Annotated[
        str | None,
        option(
            "Scheduler of a Dask cluster whose workers check the models. [$DASK_SCHEDULER_ADDRESS]", "ADDRESS"
        ),
    ] = None,
    scheduler_file: Annotated[
        Path | None, option("The file that 'dask scheduler --scheduler-file' wrote.", "FILE")
    ] = None,
    send_files: Annotated[
        bool,
        typer.Option(
            "--send-files",
            help="Send the files with the tasks: the workers do not see those of this machine.",
        ),
    ] = False,
    resume: Annotated[
        Path | None,
        option("Folder for finished results: what it has already is not checked again.", "DIR"),
    ] = None,
    retries: Annotated[int, option("Checks of a model again if a worker died. [1]", "N")] = 1,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first model that is not consistent.")
    ] = False,
) -> int:
    """Check many saved models."""
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs} is not valid", expected="a whole number of at least 1")
    if retries < 0:
        raise UsageError(f"--retries {retries} is not valid", expected="a whole number, 0 or more")
    call: Call = context.obj
    flags = {name: value for name, value in context.params.items() if name not in _OWN}
    call.debug = call.debug or bool(flags.get("debug"))
    scheduler = _scheduler(scheduler, scheduler_file, jobs)
    how = _How(
        jobs=jobs,
        retries=retries,
        fail_fast=fail_fast,
        scheduler=scheduler,
        scheduler_file=scheduler_file,
        send_files=send_files,
    )
    if send_files and how.is_local:
        raise UsageError("--send-files is given without a cluster", fix="name it: --scheduler ADDRESS")
    return _check(models, flags, call, resume, how)


@dataclass(frozen=True, kw_only=True)
class _How:
    """The options of the command that are not those of a run."""

    jobs: int | None
    retries: int
    fail_fast: bool
    scheduler: str | None
    scheduler_file: Path | None
    send_files: bool

    @property
    def is_local(self) -> bool:
        """Whether no cluster is named."""
        return self.scheduler is None and self.scheduler_file is None


def _scheduler(address: str | None, file: Path | None, jobs: int | None) -> str | None:
    """Return the address of the scheduler, from the flag or the environment."""
    if address is not None and file is not None:
        raise UsageError("--scheduler and --scheduler-file name two clusters", fix="leave one of them out")
    if address is None and file is None:
        address = os.environ.get("DASK_SCHEDULER_ADDRESS") or None
    if jobs is not None and (address is not None or file is not None):
        raise UsageError(
            "--jobs is for one machine; a cluster checks one model in each process of its workers",
            fix="leave out --jobs, or start more workers: dask worker ADDRESS --nworkers N",
        )
    return address


def _check(
    models: Sequence[str], flags: Mapping[str, Any], call: Call, resume: Path | None, how: _How
) -> int:
    """Check the models, write the reports and return the exit code."""
    from keras_consistency_cli.workers.forkserver import ForkServer

    with ExitStack() as stack:
        # The interpreter of the workers starts while this process still imports and reads files.
        waiting = stack.enter_context(ForkServer()) if how.is_local else None
        from keras_consistency_cli.cli.fleet.live_table import fleet_shown_on
        from keras_consistency_cli.pipeline.fleet.run import FleetRun
        from keras_consistency_cli.pipeline.fleet.store import ResultStore

        settings, tasks = _read(models, flags)
        destinations = _destinations(settings, tasks)
        store = ResultStore(resume) if resume is not None else None
        if store is not None:
            stack.callback(store.close)
        shown = fleet_shown_on(sys.stderr, os.environ, total=len(tasks), quiet=settings.quiet)
        observer = stack.enter_context(shown)
        run = FleetRun(
            tasks=tasks,
            options=_options(how, destinations, is_stored=store is not None),
            place=_place(how, waiting, observer),
            observer=observer,
            store=store,
            fail_fast=how.fail_fast,
            line=call.line,
        )
        report = _finish(run, stack, settings, destinations)
    _write(report, settings, destinations)
    return report.exit_code


def _place(how: _How, waiting: ForkServer | None, observer: FleetObserver) -> Place:
    """Return where the models are checked; the run closes it."""
    if waiting is None:
        from keras_consistency_cli.pipeline.cluster.connection import connect
        from keras_consistency_cli.pipeline.fleet.cluster import Cluster

        return Cluster(connect(how.scheduler, how.scheduler_file), sends_files=how.send_files)
    from keras_consistency_cli.pipeline.fleet.machine import Machine
    from keras_consistency_cli.workers.fork_pool import ForkPool

    return Machine(pool=ForkPool(waiting), observer=observer)


def _options(how: _How, destinations: Sequence[Destination], *, is_stored: bool) -> FleetOptions:
    from keras_consistency_cli.pipeline.fleet.machine import default_jobs
    from keras_consistency_cli.pipeline.fleet.place import FleetOptions
    from keras_consistency_cli.reporting.fleet.report import MODEL_FORMATS

    needed = {destination.format for destination in destinations}
    return FleetOptions(
        jobs=how.jobs or default_jobs(),
        retries=how.retries,
        # A later run may need other formats of what is stored.
        formats=tuple(name for name in MODEL_FORMATS if is_stored or name in needed),
    )


def _read(models: Sequence[str], flags: Mapping[str, Any]) -> tuple[Settings, list[FleetTask]]:
    """Return the settings of the report, which are those of a run without a model, and the tasks."""
    from keras_consistency_cli.cli.fleet.models import find_tasks
    from keras_consistency_cli.cli.implicit_inputs import find_implicit_inputs
    from keras_consistency_cli.config.settings import load_settings

    implicit = find_implicit_inputs(None)
    own = {name: value for name, value in flags.items() if name in DISPLAY_SETTINGS}
    settings = load_settings({**own, "model": "-"}, os.environ, implicit.discovered)
    # `format` and `output` name the files of the fleet, not those of each model.
    return settings, find_tasks(models, {name: flags[name] for name in flags if name not in own})


def _destinations(settings: Settings, tasks: Sequence[FleetTask]) -> tuple[Destination, ...]:
    """Return where reports go; HTML goes to a folder.

    Raises:
        UsageError: HTML has no folder, or a report would overwrite a model.
    """
    destinations = settings.destinations()
    inputs = [task.model for task in tasks]
    for destination in destinations:
        if destination.format == "html":
            if destination.path is None or destination.path.is_file():
                raise UsageError(
                    "--format html of a fleet is a folder with a page per model",
                    fix="give one: --format html=FOLDER",
                )
        elif destination.path is not None:
            console.check_destination(destination.path, inputs, flag=destination.flag)
    return destinations


def _finish(
    run: FleetRun, stack: ExitStack, settings: Settings, destinations: Sequence[Destination]
) -> FleetReport:
    """Run the fleet and erase the live table; after a signal, write the report on what is done first."""
    allow_longer_ending(_ENDING_S)
    try:
        report = run.run()
    except Interruption:
        run.place.close()
        report = run.report()
        stack.close()
        if report.results:
            _write(replace(report, interrupted=True), settings, destinations)
        raise
    stack.close()
    return report


def _write(report: FleetReport, settings: Settings, destinations: Sequence[Destination]) -> None:
    pages = [destination for destination in destinations if destination.format == "html"]
    for destination in pages:
        _write_pages(destination.path or Path(), report)
    write_reports(_rendered(report, settings, [each for each in destinations if each.format != "html"]))


def _write_pages(folder: Path, report: FleetReport) -> None:
    from keras_consistency_cli.reporting.fleet.pages import html_pages

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoVerdictError(f"cannot write to {clean(folder)}: {clean(error.strerror or error)}") from None
    for name, text in html_pages(report):
        console.write_file(folder / name, text)


def _rendered(
    report: FleetReport, settings: Settings, destinations: Sequence[Destination]
) -> Iterator[tuple[Destination, str]]:
    from keras_consistency_cli.reporting.fleet.render import FLEET_RENDERERS

    for destination in destinations:
        canvas = canvas_for(destination, settings.color, amount_of(settings))
        yield destination, FLEET_RENDERERS[destination.format](report, canvas)
