"""Rows in variants of padding: their runs are recorded once for all locators."""

from __future__ import annotations

from collections import Counter

import pytest

from keras_consistency_cli.routes.locating import padding_runs
from keras_consistency_cli.routes.locating.call_records import record_calls
from keras_consistency_cli.routes.locating.padding_runs import RecordedRun
from keras_consistency_cli.routes.sequences.padding import PADDING_ROUTES
from keras_consistency_cli.routes.session.session import Session
from keras_consistency_cli.routes.trace import Rows
from tests.helpers.live_models import session_of
from tests.helpers.series_models import LOSING, padded_rows

# Keras warns if a layer drops a mask, which these models do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

(ROUTE,) = PADDING_ROUTES


def test_each_variant_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: Counter[bytes] = Counter()

    def record(session: Session, rows: Rows) -> RecordedRun:
        recorded[b"".join(values.tobytes() for values in rows.values())] += 1
        return record_calls(session, rows)

    monkeypatch.setattr(padding_runs, "record_calls", record)
    result = ROUTE.run(session_of((LOSING["convolution"][0](), {})), padded_rows())
    assert result.details["leak"]
    assert set(recorded.values()) == {1}
