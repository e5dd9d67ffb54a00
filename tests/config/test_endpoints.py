"""Settings of endpoints: what is refused before anything is asked."""

from __future__ import annotations

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


def test_documents_of_the_users_own_are_not_of_another_protocol() -> None:
    assert endpoint(template={"rows": "ROWS"}, protocol="json").has_own_documents
    with pytest.raises(UsageError, match="v2"):
        endpoint(answers="scores", protocol="v2")
