"""Settings of endpoints: what is refused before anything is asked."""

from __future__ import annotations

import os
from typing import Any

import pytest

from keras_consistency_cli.config.endpoints import Endpoint
from keras_consistency_cli.config.settings import Settings
from keras_consistency_cli.errors import UsageError

URL = "http://localhost/v1/models/m:predict"


def load(*endpoints: Any) -> Settings:
    return Settings.model_validate({"model": "m.keras", "endpoints": list(endpoints)})


def endpoint(**given: Any) -> Endpoint:
    return load({"url": URL, **given}).endpoints[0]


@pytest.mark.parametrize(
    "url", ["http://localhost:abc/x", "http://localhost:99999/x", "http://[::1/x", "ftp://localhost/x", "x"]
)
def test_what_is_not_a_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not an http or https URL"):
        load(url)


@pytest.mark.parametrize("value", ["Bearer very\nsecret", "very\x00secret", "very-secret-\u20ac"])
def test_values_that_are_no_headers_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", {"SERVICE_KEY": value})
        with pytest.raises(UsageError, match="SERVICE_KEY") as refusal:
            endpoint(headers={"Authorization": "SERVICE_KEY"}).header_values()
    assert "secret" not in str(refusal.value)


def test_services_that_differ_by_their_query_only_have_names_of_their_own() -> None:
    settings = load("http://localhost/score?model=a", "http://localhost/score?model=b", URL)
    assert settings.endpoint_labels() == (
        "localhost/score",
        "localhost/score-2",
        "localhost/v1/models/m:predict",
    )


def test_documents_of_the_users_own_are_not_of_another_protocol() -> None:
    assert endpoint(template={"rows": "ROWS"}, protocol="json").has_own_documents
    with pytest.raises(UsageError, match="v2"):
        endpoint(answers="scores", protocol="v2")
