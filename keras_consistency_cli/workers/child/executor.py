"""Executor: one subject and the routes that run on it.

It answers requests, whether they come over a worker's channel or from the same process. Importing it imports
no backend; the first request that needs one does.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keras_consistency_cli.errors import DataError
from keras_consistency_cli.loading.model.refusals.memory_errors import memory_error_message
from keras_consistency_cli.workers.child.backend_errors import describe_error

if TYPE_CHECKING:
    import numpy as np

    from keras_consistency_cli.loading.subject import Subject
    from keras_consistency_cli.routes.base import Route
    from keras_consistency_cli.routes.session.session import Session
    from keras_consistency_cli.routes.trace import Change, Result

__all__ = ["Answer", "Executor", "NoSession", "error_header"]

Answer = tuple[dict[str, Any], dict[str, "np.ndarray"]]
"""A header of plain data, and arrays by name."""


@dataclass(frozen=True)
class NoSession:
    """Why there is no session.

    `cause` is the slug of a cause in the report, "" if there is none, and `kind` that of an export.
    """

    reason: str
    cause: str = ""
    kind: str = ""


def _load_from_files(files: Mapping[str, Any]) -> Subject:
    from keras_consistency_cli.loading.subject import Subject
    from keras_consistency_cli.loading.subject_spec import SubjectFiles

    return Subject.load(SubjectFiles(**files))


class Executor:
    """A subject, its session, and a session of its float64 copy once a route needs it.

    Args:
        load: creates the subject from the files of a request; by default they are loaded.
        unprotected: what the surrounding process could not be prevented from, in words.
    """

    def __init__(
        self,
        load: Callable[[Mapping[str, Any]], Subject] = _load_from_files,
        *,
        unprotected: Sequence[str] = (),
    ) -> None:
        self._load_subject, self._unprotected = load, unprotected
        self._sessions: dict[str, Session | NoSession] = {}
        """By precision, or by export, the session, or the reason why there is none."""
        self._last: Session | None = None
        """The session whose route has just ended, and which is restored; None after anything else."""

    def answer(self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Answer:
        """Execute a request; errors are raised, and `error_header` turns them into a header.

        Args:
            request: "op" is load, describe, run or here, the other keys depend on it.
            arrays: for run "rows", the numbers of the rows, and the outputs of the route that it needs.
        """
        operations = {"load": self._load, "run": self._run, "describe": self._describe, "here": self._here}
        if request["op"] != "run":
            self._last = None
        try:
            return operations[request["op"]](request, arrays)
        except NameError as problem:
            raise _refusal_of(problem, request.get("route")) or problem from problem

    def _load(self, request: Mapping[str, Any], _arrays: Mapping[str, np.ndarray]) -> Answer:
        from keras_consistency_cli.loading.exports.spec import ExportSpec
        from keras_consistency_cli.routes.registry import routes
        from keras_consistency_cli.routes.session.session import RunOptions

        if "threads" in request:
            from keras_consistency_cli.routes.numerics.kernels import limit_threads

            limit_threads(request["threads"])
        self._subject = self._load_subject(request["files"])
        self._options = RunOptions(**{**request["options"], "sizes": tuple(request["options"]["sizes"])})
        self._exports = {
            spec.label: spec for spec in (ExportSpec(**each) for each in self._subject.files.exports)
        }
        table = routes(self._options.sizes, list(self._exports), backends=request.get("backends", ()))
        self._routes = {route.name: route for route in table}
        self._sessions["float32"] = self._new_session(self._subject.model)
        facts = dataclasses.asdict(self._subject.facts)
        return {
            "facts": facts,
            "rows": self._subject.described_rows,
            "unprotected": list(self._unprotected),
        }, {}

    def _describe(self, request: Mapping[str, Any], _arrays: Mapping[str, np.ndarray]) -> Answer:
        from keras_consistency_cli.loading.profile.profile import describe_data

        description = describe_data(self._subject, every=request["every"])
        return {"description": dataclasses.asdict(description)}, {}

    def _here(self, _request: Mapping[str, Any], _arrays: Mapping[str, np.ndarray]) -> Answer:
        """Answer that this process is still there."""
        return {}, {}

    def _new_session(self, model: Any) -> Session:
        if self._subject.facts.backend == "tensorflow":
            from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession

            return TensorFlowSession(model, self._subject.facts, self._options, self._subject)
        from keras_consistency_cli.routes.session.session import Session

        return Session(model, self._subject.facts, self._options, self._subject)

    def _run(self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Answer:
        from keras_consistency_cli.workers.protocol import GIVEN  # imports NumPy

        route = self._routes[request["route"]]
        rows = self._subject.rows(arrays["rows"])
        session = self._session_for(route, rows)
        if isinstance(session, NoSession):
            return {"unavailable": session.reason, "cause": session.cause, "kind": session.kind}, {}
        start, traced_before = time.perf_counter(), session.tracing_seconds()
        given = {name.removeprefix(GIVEN): each for name, each in arrays.items() if name.startswith(GIVEN)}
        session.start_run(arrays["rows"], given, restored=self._last is session)
        try:
            result = route.run(session, rows)
            changed = session.end_run()
            self._last = session
        except Exception as problem:
            session.end_run()
            if route.precision == "float32":
                raise
            # The model itself is not at fault if only its float64 copy cannot run.
            return {"unavailable": f"the float64 copy fails: {describe_error(problem)}"}, {}
        session.watch(bool(changed))
        seconds = {
            "elapsed_s": time.perf_counter() - start,
            "tracing_s": session.tracing_seconds() - traced_before,
        }
        return _run_answer(result, changed, seconds)

    def _session_for(self, route: Route, rows: Mapping[str, np.ndarray]) -> Session | NoSession:
        """Return the session that a route runs on, created when the first route needs it."""
        is_export = route.placement == "export"
        key = route.worker if is_export else route.precision
        if key not in self._sessions:
            self._last = None
            create = self._export_session if is_export else self._float64_session
            self._sessions[key] = create(route, rows)
        session = self._sessions[key]
        if not isinstance(session, NoSession) and is_export:
            # An export may be limited to a batch size that the model is not limited to.
            reason = route.unavailable(session.facts)
            return session if reason is None else NoSession(reason)
        return session

    def _export_session(self, route: Route, rows: Mapping[str, np.ndarray]) -> Session | NoSession:
        from keras_consistency_cli.loading.exports.exported_model import ExportRefused
        from keras_consistency_cli.routes.exports.sessions import open_session

        spec = self._exports[route.target]
        try:
            return open_session(self._original, spec, rows)
        except ExportRefused as refusal:
            return NoSession(str(refusal), refusal.cause, spec.kind)

    @property
    def _original(self) -> Session:
        original = self._sessions["float32"]
        assert not isinstance(original, NoSession)
        return original

    def _float64_session(self, _route: Route, rows: Mapping[str, np.ndarray]) -> Session | NoSession:
        """Return the session of the float64 copy, or the reason why there is none."""
        if self._subject.facts.backend != "tensorflow":
            return NoSession("the float64 copy needs the TensorFlow backend")
        from keras_consistency_cli.loading.model.copies.float64 import PrecisionCopyRefused
        from keras_consistency_cli.routes.session.float64 import float64_session

        try:
            return float64_session(self._original, rows)
        except PrecisionCopyRefused as reason:
            return NoSession(f"no float64 copy: {reason}")
        except Exception as problem:
            # A constant that a custom layer keeps in float32 cannot be added to float64: not a fault of the
            # model.
            return NoSession(f"no float64 copy: it fails where the model does not: {describe_error(problem)}")


def _refusal_of(problem: NameError, route: str | None) -> Exception | None:
    """The refusal of a model whose code uses an undefined name; None if predict does not use it."""
    from keras_consistency_cli.loading.model.refusals.undefined_names import undefined_name_error
    from keras_consistency_cli.routes.trace import REFERENCE

    # What predict cannot do, nothing can; a different route may run code that serving never runs.
    return undefined_name_error(problem) if route in (None, REFERENCE) else None


def _run_answer(result: Result, changed: Sequence[Change], seconds: Mapping[str, float]) -> Answer:
    arrays = {f"outputs/{name}": values for name, values in result.outputs.items()}
    arrays |= {f"baseline/{name}": values for name, values in (result.baseline or {}).items()}
    if result.rows is not None:
        arrays["rows"] = result.rows
    return {
        "details": result.details,
        "changed": [dataclasses.asdict(change) for change in changed],
        **seconds,
    }, arrays


def error_header(problem: Exception) -> dict[str, Any]:
    """Return the header that is sent instead of an answer: what went wrong, and its kind."""
    kind = DataError if isinstance(problem, DataError) else type(problem)
    return {
        "error": describe_error(problem),
        "kind": kind.__name__ if memory_error_message(problem) is None else MemoryError.__name__,
        "cause": getattr(problem, "cause", ""),
    }
