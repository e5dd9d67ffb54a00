"""The table of the seconds of each route."""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion

from benchmarks.profile import format_profile


def test_the_longest_route_comes_first(wording: SnapshotAssertion) -> None:
    routes = [
        {"name": "predict", "worker": "main", "elapsed_s": 0.5, "tracing_s": 0.25},
        {"name": "companions", "worker": "main", "elapsed_s": 2.0, "tracing_s": 0.0},
        {"name": "steps", "worker": "fresh", "elapsed_s": 1.0, "tracing_s": 0.75},
    ]
    assert format_profile({"routes": routes, "elapsed_s": 4.0}) == wording
