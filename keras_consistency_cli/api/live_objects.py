"""Live objects: check a model, rows and a scaler of this process like files.

Routes that need a separate process are skipped with a reason. Every object is left unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from keras_consistency_cli.api.live_inputs import LiveInputs, open_inputs
from keras_consistency_cli.checks.selection import selected
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.loading.subject import Subject
from keras_consistency_cli.loading.subject_spec import InMemoryInputs, SubjectFiles
from keras_consistency_cli.pipeline.files.local import local_files
from keras_consistency_cli.pipeline.inputs import Inputs
from keras_consistency_cli.pipeline.plan import Plan, route_table
from keras_consistency_cli.pipeline.run import examine
from keras_consistency_cli.pipeline.worker_setup import LoadedSubject, endpoint_clients, load_workers
from keras_consistency_cli.reporting.report import Report
from keras_consistency_cli.workers.child.executor import Executor
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.in_process import InProcessClient
from keras_consistency_cli.workers.load_request import build_load_request, with_images

__all__ = ["examine_live_objects"]

_NO_PROCESS = "a live model has no fresh process"
_NO_FILE = "a live model has no file"
_OTHER_PROCESS = frozenset({"kernels", "thread"})
_FROM_FILE = ("loaded-again", "on-cpu", "on-accelerator", "without-tf32-")


def examine_live_objects(live_inputs: LiveInputs, settings: Settings) -> Report:
    """Run the selected checks in this process and leave the model unchanged.

    Raises:
        KcheckError: nothing could be checked.
    """
    from keras_consistency_cli.routes.session.live_guard import restoring_global_state, restoring_model

    with ExitStack() as stack:
        stack.enter_context(restoring_global_state())
        deadline = Deadline(answer=settings.timeout, total=settings.total_timeout)
        files = stack.enter_context(local_files(settings, deadline))
        inputs = open_inputs(live_inputs, files.settings)
        if live_inputs.model is not None:
            stack.enter_context(restoring_model(live_inputs.model))
        client = _create_client(live_inputs, inputs, files.settings, deadline)
        stack.callback(client.close)
        exports = (f"export:{label}" for label in settings.export_labels())
        services = (f"endpoint:{label}" for label in settings.endpoint_labels())
        clients = dict.fromkeys(("main", "fresh", "float64", *_OTHER_PROCESS, *exports, *services), client)
        checks = selected(settings)
        facts, rows_description = load_workers(clients)
        subject = LoadedSubject(
            files=files,
            inputs=inputs,
            clients=clients,
            facts=facts,
            rows_description=rows_description,
            deadline=deadline,
        )
        report = examine(settings, subject, Plan.of(checks, route_table(settings)), checks=checks)
        return files.name_originals(report)


def _create_client(
    live_inputs: LiveInputs, inputs: Inputs, settings: Settings, deadline: Deadline
) -> InProcessClient:
    """Return a client whose executor holds the live objects."""
    in_memory = InMemoryInputs(
        rows={
            name: inputs.additional[name] for name in inputs.additional.keys() & live_inputs.objects.keys()
        },
        scaler=live_inputs.objects.get("scaler"),
        preprocess=live_inputs.objects.get("preprocess"),
    )
    client = InProcessClient(
        Executor(partial(_load_subject, live_inputs, in_memory)),
        build_load_request(settings, inputs.archive, sizes=settings.batch_sizes(), exports=inputs.exports),
        deadline=deadline,
        unavailable=dict(_unavailable_routes(settings, live=live_inputs.model is not None)),
    )
    client.services = endpoint_clients(settings, client, deadline)
    return client


def _unavailable_routes(settings: Settings, *, live: bool) -> Iterator[tuple[str, str]]:
    """Yield the routes that cannot run in this process, and why."""
    for route in route_table(settings):
        if route.name == "fresh-process" or route.placement in _OTHER_PROCESS:
            yield route.name, _NO_PROCESS
        elif live and route.name.startswith(_FROM_FILE):
            yield route.name, _NO_FILE


def _load_subject(live_inputs: LiveInputs, in_memory: InMemoryInputs, files: Mapping[str, Any]) -> Subject:
    """Return the subject for a load request.

    Args:
        live_inputs: the objects of this process.
        in_memory: rows, scaler and preprocess function of this process.
        files: the fields of `SubjectFiles`.
    """
    subject_files = SubjectFiles(**files)
    if live_inputs.model is None:
        return Subject.load(subject_files, custom_objects=live_inputs.custom_objects, in_memory=in_memory)
    import keras

    from keras_consistency_cli.loading.model.facts import describe_model
    from keras_consistency_cli.loading.model.load import import_custom_objects
    from keras_consistency_cli.loading.rows.in_memory import find_custom_objects

    custom_objects = {
        **find_custom_objects(live_inputs.model),
        **import_custom_objects([Path(path) for path in subject_files.custom_objects]),
        **live_inputs.custom_objects,
    }
    # A route that saves and loads the model runs code that already runs in this process: nothing is unsafe.
    facts = describe_model(
        live_inputs.model,
        saved_with=keras.__version__,
        time_stated=subject_files.time_stated,
        own_code=True,
    )
    return Subject(
        files=with_images(replace(subject_files, model="", allow_unsafe=True), facts.inputs),
        model=live_inputs.model,
        facts=facts,
        custom_objects=custom_objects,
        in_memory=in_memory,
    )
