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
    """The service answered with numbers, but not with outputs of the model for each row.

    Args:
        message: what it answered.
        missing: whether answers are missing or surplus; otherwise their shape is wrong.
    """

    def __init__(self, message: str, *, missing: bool = True) -> None:
        super().__init__(message)
        self.missing = missing
