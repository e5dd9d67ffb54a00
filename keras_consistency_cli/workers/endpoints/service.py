"""A service: rows in, answers out, in its protocol and within its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from keras_consistency_cli.config.endpoints import Endpoint, Protocol
from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.deadline import Deadline
from keras_consistency_cli.workers.endpoints.budget import Budget
from keras_consistency_cli.workers.endpoints.errors import AnswerError, EndpointError
from keras_consistency_cli.workers.endpoints.protocols.binary import (
    EXTENSION,
    HEADER_LENGTH,
    NARROW,
    decode_binary,
    encode_binary,
    with_digits,
)
from keras_consistency_cli.workers.endpoints.protocols.forms import (
    Rows,
    detect,
    encode,
    form_of,
    match_outputs,
    tensors_of_v2,
)
from keras_consistency_cli.workers.endpoints.protocols.http import Reply, send
from keras_consistency_cli.workers.endpoints.protocols.interface import (
    Interface,
    lists_extension,
    metadata_url,
    read_interface,
    server_url,
)
from keras_consistency_cli.workers.endpoints.protocols.steps import (
    CONFIGURATION,
    SEQUENCE_BATCHING,
    SEQUENCES,
    Step,
    fill_sequence,
    sequence_numbers,
)
from keras_consistency_cli.workers.endpoints.protocols.wire import Answer, Json, read_json

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
        is_stateful: whether the model carries state from one request to the next.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        headers: Mapping[str, str],
        requests: int,
        deadline: Deadline,
        shapes: Mapping[str, tuple[int, ...]],
        is_stateful: bool = False,
    ) -> None:
        self._url = endpoint.url
        self.protocol = detect(endpoint)
        self.budget = Budget(requests)
        self._shapes, self._deadline = shapes, deadline
        self._headers = {"Content-Type": "application/json", **headers}
        self._endpoint = endpoint
        self._form = form_of(self.protocol, endpoint.template, endpoint.answers)
        self.takes_one_row = endpoint.takes_one_row
        self._is_stateful, self._numbers = is_stateful, sequence_numbers()

    @property
    def has_sequences(self) -> bool:
        """Whether requests say which sequence they belong to."""
        return self._endpoint.names_sequence or self.interface.has_sequences

    def new_sequence(self) -> int:
        """Return a number for one more sequence."""
        return next(self._numbers)

    def ask(self, rows: Rows, step: Step | None = None) -> dict[str, Answer]:
        """Return the answers to these rows, by output of the model.

        A service that takes one row in a request is asked row by row.

        Args:
            rows: input rows by name.
            step: which request of which sequence it is; None for a sequence of its own.

        Raises:
            EndpointError: no answer, an error, or an answer that cannot be read.
            ShapeError: not one answer for each row.
        """
        count = len(next(iter(rows.values())))
        if self.takes_one_row and count > 1:
            single = ({name: values[at : at + 1] for name, values in rows.items()} for at in range(count))
            return join([self.ask(row) for row in single])
        reply = self._post(rows, step)
        if reply.status != 200:
            raise EndpointError(_refusal(reply, count, self.protocol), reply.status)
        if not self.interface.is_binary:
            found = self._form.outputs(read_json(reply.body))
            return match_outputs(found, self._shapes, count, is_single=self.takes_one_row)
        outputs, types = decode_binary(reply.body, reply.header_length)
        return dict(with_digits(match_outputs(outputs, self._shapes, count), types))

    def status_of(self, rows: Rows) -> int:
        """Return the status of the answer to rows that are wrong on purpose; 0 for an error without one."""
        try:
            reply = self._post(rows)
            if reply.status == 200:
                self._read_outputs(reply)
        except AnswerError:
            return 422  # an error in a document with status 200
        except EndpointError:
            return 0
        return reply.status

    def _read_outputs(self, reply: Reply) -> None:
        if self.interface.is_binary:
            decode_binary(reply.body, reply.header_length)
        else:
            self._form.outputs(read_json(reply.body))

    def _post(self, rows: Rows, step: Step | None = None) -> Reply:
        step = step or Step(sequence=self.new_sequence())
        parameters = step.parameters() if self.interface.has_sequences else {}
        is_number = all(values.dtype.kind in "fiub" for values in rows.values())
        if not self.interface.is_binary or not is_number:
            return self._send("POST", self._url, encode(self._document(rows, step, parameters)))
        body, length = encode_binary(tensors_of_v2(rows, self.interface), parameters)
        headers = {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(length)}
        return self._send("POST", self._url, body, headers)

    def _document(self, rows: Rows, step: Step, parameters: dict[str, Json]) -> Json:
        form = self._form
        if self._endpoint.names_sequence:
            template = fill_sequence(self._endpoint.template, step)
            form = form_of(self.protocol, template, self._endpoint.answers)
        document = form.body(rows, self.interface)
        if parameters and isinstance(document, dict):
            document["parameters"] = parameters
        return document

    def _send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        self.budget.spend()
        sent = {**self._headers, **(headers or {})}
        return send(method, url, body=body, headers=sent, deadline=self._deadline.next())

    @cached_property
    def interface(self) -> Interface:
        """What the service says of itself; empty if it says nothing, or nothing that can be read."""
        url = metadata_url(self.protocol, self._url)
        if url is None:
            return Interface()
        document = self._get(url)
        described = read_interface(self.protocol, document)
        is_narrow = bool(described.types & set(NARROW))
        server = server_url(self._url) if is_narrow or self._is_stateful else None
        listed = self._get(server) if server is not None else None
        return replace(
            described,
            is_binary=is_narrow and lists_extension(listed, EXTENSION),
            has_sequences=self._is_stateful and self._has_sequences(url, listed),
        )

    def _has_sequences(self, url: str, listed: Json) -> bool:
        """Whether requests to a V2 model belong to sequences.

        A server lists what it can do for any model; the configuration of this one says whether it does.
        """
        if not lists_extension(listed, SEQUENCES) or not lists_extension(listed, CONFIGURATION):
            return lists_extension(listed, SEQUENCES)
        configuration = self._get(f"{url}/config")
        return isinstance(configuration, dict) and SEQUENCE_BATCHING in configuration

    def _get(self, url: str) -> Json:
        """Return a document, None if there is none or it cannot be read."""
        reply = self._send("GET", url)
        try:
            return read_json(reply.body) if reply.status == 200 else None
        except AnswerError:
            return None


def _refusal(reply: Reply, count: int, protocol: Protocol) -> str:
    """What a service says in place of answers."""
    said = clean(reply.body[:_SHOWN_BYTES].decode("utf-8", "replace"), 100)
    sent = f" to {count} rows in one request" if count > 1 else ""
    hint = " (if it takes single rows, write ROW in the template)" if sent and protocol == "json" else ""
    return f"it answers with status {reply.status}{sent}{hint}" + (f": {said}" if said else "")


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
