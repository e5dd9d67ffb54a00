"""The bench: one subject, and the routes that run on it. It answers requests, wherever they come from: a worker's channel, or the same process.

Importing it imports no backend; the first request that needs one does.
"""

from __future__ import annotations

import dataclasses
import errno
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from keras_consistency_cli.loading.subject import Subject

__all__ = ["Answer", "Executor", "refusal"]

Answer = tuple[dict[str, Any], dict[str, "np.ndarray"]]
"""A header of plain data, and arrays by name."""

_ERROR_LENGTH = 400
_ISOLATED = " (workers have no network and write to no folder but their own; --isolation off lifts that)"
_PLACE = re.compile(r'\s*(File "|Detected at node )')
"""Lines of a trace of the graph that tell where its nodes were made."""


def _from_files(files: Mapping[str, Any]) -> Subject:
    from keras_consistency_cli.loading.subject import Subject
    from keras_consistency_cli.loading.subject_spec import SubjectFiles

    return Subject.load(SubjectFiles(**files))


class Executor:
    """A subject, its session, and a session of its float64 copy once somebody asks for it.

    Args:
        load: makes the subject out of the files that a request names; without it they are loaded.
        unprotected: what the process around it could not be kept from, in words.
    """

    def __init__(
        self, load: Callable[[Mapping[str, Any]], Subject] = _from_files, *, unprotected: Sequence[str] = ()
    ) -> None:
        self._load_subject, self._unprotected = load, unprotected
        self._sessions: dict[str, Any] = {}

    def answer(self, request: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Answer:
        """Do what is asked for; whatever goes wrong is raised, and `refusal` puts it into a header.

        Args:
            request: with "op" load, describe, run or here, and what that one needs.
            arrays: for run "rows", the numbers of the rows.
        """
        answers = {"load": self._load, "run": self._run, "describe": self._describe, "here": self._here}
        return answers[request["op"]](request, arrays)

    def _load(self, request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> Answer:
        from keras_consistency_cli.routes.registry import routes
        from keras_consistency_cli.routes.session.session import RunOptions

        if "threads" in request:
            from keras_consistency_cli.routes.numerics.kernels import limit_threads

            limit_threads(request["threads"])
        self._subject = self._load_subject(request["files"])
        self._probe = RunOptions(**{**request["probe"], "sizes": tuple(request["probe"]["sizes"])})
        self._routes = {route.name: route for route in routes(self._probe.sizes)}
        self._sessions["float32"] = self._session(self._subject.model)
        facts = dataclasses.asdict(self._subject.facts)
        return {
            "facts": facts,
            "rows": self._subject.described_rows,
            "unprotected": list(self._unprotected),
        }, {}

    def _describe(self, request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> Answer:
        from keras_consistency_cli.loading.profile.profile import describe_data

        found = describe_data(self._subject, every=request["every"])
        return {"description": dataclasses.asdict(found)}, {}

    def _here(self, _request: Mapping[str, Any], _arrays: Mapping[str, Any]) -> Answer:
        """Say that this process was there to the end."""
        return {}, {}

    def _session(self, model: Any) -> Any:
        if self._subject.facts.backend == "tensorflow":
            from keras_consistency_cli.routes.session.tensorflow import TensorFlowSession as Kind
        else:
            from keras_consistency_cli.routes.session.session import Session as Kind  # type: ignore[assignment]
        return Kind(model, self._subject.facts, self._probe, self._subject)

    def _run(self, request: Mapping[str, Any], arrays: Mapping[str, Any]) -> Answer:
        route = self._routes[request["route"]]
        rows = self._subject.rows(arrays["rows"])
        session = self._sessions.get(route.precision)
        if session is None:
            session = self._sessions[route.precision] = self._float64_copy(rows)
        if isinstance(session, str):
            return {"unavailable": session}, {}
        start = time.perf_counter()
        session.start_run(arrays["rows"])
        try:
            result = route.run(session, rows)
            changed = session.snapshot.changes()
        except Exception as problem:
            if route.precision == "float32":
                raise
            # The model itself is not at fault where only its float64 copy cannot run.
            return {"unavailable": f"the float64 copy fails: {_told(problem)}"}, {}
        finally:
            session.restore()
        session.watch(bool(changed))
        return _answer(result, changed, time.perf_counter() - start)

    def _float64_copy(self, rows: Mapping[str, Any]) -> Any:
        """The session of the float64 copy, or the reason why there is none."""
        if self._subject.facts.backend != "tensorflow":
            return "the float64 copy needs the TensorFlow backend"
        from keras_consistency_cli.loading.model.float64 import Float64CopyRefused
        from keras_consistency_cli.routes.session.float64 import float64_session

        try:
            return float64_session(self._sessions["float32"], rows)
        except Float64CopyRefused as reason:
            return f"no float64 copy: {reason}"
        except Exception as problem:
            # A constant that a custom layer keeps in float32 cannot be added to float64: no fault of the model.
            return f"no float64 copy: it fails where the model does not: {_told(problem)}"


def _answer(result: Any, changed: Any, elapsed: float) -> Answer:
    arrays = {f"outputs/{name}": values for name, values in result.outputs.items()}
    arrays |= {f"baseline/{name}": values for name, values in (result.baseline or {}).items()}
    if result.rows is not None:
        arrays["rows"] = result.rows
    return {
        "details": result.details,
        "changed": [dataclasses.asdict(change) for change in changed],
        "elapsed_s": elapsed,
    }, arrays


def refusal(problem: Exception) -> dict[str, Any]:
    """Return the header that says what went wrong instead of an answer."""
    from keras_consistency_cli.errors import DataError

    kind = DataError if isinstance(problem, DataError) else type(problem)
    return {"error": _told(problem), "kind": kind.__name__, "exit_code": getattr(problem, "exit_code", 3)}


def _told(problem: Exception) -> str:
    """The exception on one line: what TensorFlow wraps in a graph trace is told by its last lines."""
    from keras_consistency_cli.errors import KcheckError
    from keras_consistency_cli.loading.model.memory_errors import exhaustion
    from keras_consistency_cli.text import clean, unstyled

    if isinstance(problem, KcheckError):
        return str(problem)
    if (words := exhaustion(problem)) is not None:
        return words
    if isinstance(problem, OSError) and problem.errno is None and isinstance(problem.__context__, OSError):
        # Keras makes a new exception out of the first argument alone, which here is a number.
        problem = problem.__context__
    hint = _ISOLATED if isinstance(problem, PermissionError) and problem.errno == errno.EACCES else ""
    text = unstyled(problem)
    text = text.partition("Arguments received by")[0] or text
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _PLACE.match(line)]
    # What is wrapped in a trace of the graph is told by its last lines, what Keras itself says by its first.
    shown = " ".join(
        lines[-3:] if any(mark in text for mark in ("Graph execution error", "in user code:")) else lines[:3]
    )
    return f"{type(problem).__name__}: {clean(shown, _ERROR_LENGTH)}{hint}"
