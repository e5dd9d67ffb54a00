"""What can go wrong when a service is asked."""

from __future__ import annotations

__all__ = ["AnswerError", "EndpointError", "ShapeError", "SpentError"]


class EndpointError(Exception):
    """The service did not answer, or not with an answer; one line says how."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class SpentError(EndpointError):
    """No request is left; the service was not asked."""


class AnswerError(EndpointError):
    """The service answered, and its answer cannot be read."""


class ShapeError(AnswerError):
    """The service answered with numbers, but not one answer for each row: it answered wrongly."""
