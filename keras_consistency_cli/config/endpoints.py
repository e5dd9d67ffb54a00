"""Settings of endpoints: the services to compare with the model, and how they are asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field, JsonValue, field_validator, model_validator

from keras_consistency_cli.config.exports import numbered
from keras_consistency_cli.config.setting_types import Options, Word
from keras_consistency_cli.errors import UsageError
from keras_consistency_cli.text import clean

__all__ = ["SEQUENCE", "Endpoint", "Endpoints", "Protocol", "endpoint_labels"]

Protocol = Literal["tfserving", "tfserving-columns", "v2", "mlflow", "json"]
SEQUENCE = "SEQUENCE"
"""Stands in a template for the number of the sequence that a request belongs to."""
_PROTOCOLS = "auto, tfserving, tfserving-columns, v2, mlflow or json"
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class Endpoint(Options):
    """A service that answers with the outputs of the model."""

    url: Word = Field(description="an http or https URL")
    protocol: Literal["auto", Protocol] = Field(default="auto", description=_PROTOCOLS)
    rows: Literal["auto", "raw", "scaled"] = Field(default="auto", description="auto, raw or scaled")
    headers: Mapping[Word, Word] = Field(
        default={}, description="a mapping from header names to names of environment variables"
    )
    template: JsonValue = Field(
        default=None, description="a document with ROWS, RECORDS, ROW or RECORD where the rows belong"
    )
    answers: str = Field(default="", description="the keys to the answers, separated by dots")
    timeout: Annotated[float, Field(gt=0, le=600)] = Field(default=10.0, description="a number of seconds")

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = _split(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"--endpoint {clean(url, 100)} is not an http or https URL")
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                "--endpoint: a URL with a password is not taken, because URLs appear in reports",
                fix="endpoints: [{url: …, headers: {Authorization: NAME_OF_ENVIRONMENT_VARIABLE}}] in YAML",
            )
        return url

    @model_validator(mode="after")
    def _check_documents(self) -> Endpoint:
        if self.has_own_documents and self.protocol not in ("auto", "json"):
            raise UsageError(
                f"endpoints: template and answers are not used by the protocol {self.protocol}",
                fix="leave protocol out, or state protocol: json",
            )
        return self

    @property
    def has_own_documents(self) -> bool:
        """Whether a template for requests or the keys to the answers are given."""
        return self.template is not None or bool(self.answers)

    @property
    def takes_one_row(self) -> bool:
        """Whether a request has one row only."""
        return bool({"ROW", "RECORD"} & set(_list_texts(self.template)))

    @property
    def takes_records(self) -> bool:
        """Whether a row is an object with the names of the columns."""
        return bool({"RECORDS", "RECORD"} & set(_list_texts(self.template)))

    @property
    def names_sequence(self) -> bool:
        """Whether a request says which sequence it belongs to."""
        return SEQUENCE in _list_texts(self.template)

    @property
    def label(self) -> str:
        """Its name in messages, without the query, which may hold a key."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}".rstrip("/")

    def header_values(self) -> dict[str, str]:
        """Return the headers with the values of their environment variables, which are never shown.

        Raises:
            UsageError: a variable is not set, or a name or a value cannot be that of a header.
        """
        values = {}
        for name, variable in self.headers.items():
            if not _HEADER.fullmatch(name):
                raise UsageError(f"endpoints: {clean(name, 60)} is not the name of a header")
            if variable not in os.environ:
                raise UsageError(f"endpoints: the environment variable {clean(variable, 60)} is not set")
            values[name] = os.environ[variable].strip()
            if not _HEADER_VALUE.fullmatch(values[name]):
                raise UsageError(
                    f"endpoints: the value of the environment variable {clean(variable, 60)} is not a header",
                    expected="one line of Latin characters",
                )
        return values


def _list_texts(document: JsonValue) -> Iterator[str]:
    """Yield the texts in a document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from _list_texts(part)


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL, None if its port or its brackets are wrong."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _as_mapping(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | Mapping) else value


Endpoints = Annotated[
    tuple[Annotated[Endpoint, BeforeValidator(_as_mapping)], ...], BeforeValidator(_as_tuple)
]


def endpoint_labels(endpoints: tuple[Endpoint, ...]) -> tuple[str, ...]:
    """Return the names of the endpoints in reports; equal names get a number."""
    return tuple(numbered([each.label for each in endpoints]))
