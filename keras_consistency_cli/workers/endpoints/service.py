"""A service: rows in, answers out, in its protocol and within its budget."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from keras_consistency_cli.config.endpoints import Endpoint
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.endpoints.budget import Budget
from keras_consistency_cli.workers.endpoints.errors import AnswerError, EndpointError
from keras_consistency_cli.workers.endpoints.http import Reply, send
from keras_consistency_cli.workers.endpoints.interface import Interface, metadata_url, read_interface
from keras_consistency_cli.workers.endpoints.protocols import Rows, detect, encode, form_of, match_outputs
from keras_consistency_cli.workers.endpoints.wire import Answer, read_json

__all__ = ["Service", "join"]

_SHOWN_BYTES = 1000


class Service:
    """One endpoint.

    Args:
        endpoint: how it is asked.
        headers: its headers, with their values.
        requests: the most requests.
        deadline: how long one request and the whole run may take.
        shapes: by output of the model, the shape of one row.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        headers: Mapping[str, str],
        requests: int,
        deadline: Deadline,
        shapes: Mapping[str, tuple[int, ...]],
    ) -> None:
        self._url = endpoint.url
        self.protocol = detect(endpoint)
        self.budget = Budget(requests)
        self._shapes, self._deadline = shapes, deadline
        self._headers = {"Content-Type": "application/json", **headers}
        self._form = form_of(self.protocol, endpoint.template, endpoint.answers)

    def ask(self, rows: Rows) -> dict[str, Answer]:
        """Return the answers to these rows, by output of the model.

        Raises:
            EndpointError: no answer, an error, or an answer that cannot be read.
            ShapeError: not one answer for each row.
        """
        count = len(next(iter(rows.values())))
        reply = self._post(rows)
        if reply.status != 200:
            raise EndpointError(_refusal(reply, count), reply.status)
        return match_outputs(self._form.outputs(read_json(reply.body)), self._shapes, count)

    def status_of(self, rows: Rows) -> int:
        """Return the status of the answer to rows that are wrong on purpose; 0 for an error without one."""
        try:
            reply = self._post(rows)
            if reply.status == 200:
                self._form.outputs(read_json(reply.body))
        except AnswerError:
            return 422  # an error in a document with status 200
        except EndpointError:
            return 0
        return reply.status

    def _post(self, rows: Rows) -> Reply:
        return self._send("POST", self._url, encode(self._form.body(rows, self.interface)))

    def _send(self, method: str, url: str, body: bytes | None = None) -> Reply:
        self.budget.spend()
        return send(method, url, body=body, headers=self._headers, deadline=self._deadline.next())

    @cached_property
    def interface(self) -> Interface:
        """What the service says of itself; empty if it says nothing, or nothing that can be read."""
        url = metadata_url(self.protocol, self._url)
        if url is None:
            return Interface()
        reply = self._send("GET", url)
        try:
            return (
                read_interface(self.protocol, read_json(reply.body)) if reply.status == 200 else Interface()
            )
        except AnswerError:
            return Interface()


def _refusal(reply: Reply, count: int) -> str:
    """What a service says in place of answers."""
    said = clean(reply.body[:_SHOWN_BYTES].decode("utf-8", "replace"), 120)
    sent = f" to {count} rows in one request" if count > 1 else ""
    return f"it answers{sent} with status {reply.status}" + (f": {said}" if said else "")


def join(parts: list[dict[str, Answer]]) -> dict[str, Answer]:
    """Return the answers of several requests as one, with the most digits that any of them has."""
    joined: dict[str, Answer] = {}
    for name in parts[0]:
        answers = [part[name] for part in parts]
        forms: dict[str, int] = {}
        for answer in answers:
            for form, count in answer.forms.items():
                forms[form] = forms.get(form, 0) + count
        joined[name] = Answer(
            values=np.concatenate([answer.values for answer in answers]),
            digits=max(answer.digits for answer in answers),
            decimals=max(answer.decimals for answer in answers),
            forms=forms,
        )
    return joined
