"""Targets: exports, services and other backends, on which routes run besides those of the model.

Names of their routes end with @LABEL.
"""

from __future__ import annotations

__all__ = ["route_on", "target_of"]


def route_on(route: str, label: str) -> str:
    """Return the name of a route on a target."""
    return f"{route}@{label}"


def target_of(route: str) -> str:
    """Return the label of the target that a route runs on, "" for routes of the model."""
    return route.partition("@")[2].removesuffix("-baseline")
