"""Problems of ids: a table does not have them, or they are rounded before it reads them."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.analysis.shape_problems import InputProblem
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.calling.table_ids import IdProblems
from keras_consistency_cli.text import clean, format_count

__all__ = ["find_id_problems", "find_rounded_inputs", "read_id_tables"]

_MOST_IN_INT32 = 2**31 - 1


def find_id_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """Yield what is wrong with the ids that reach each table."""
    for table, details in read_id_tables(evidence).items():
        if details.get("rounded"):
            yield _describe_rounded(table, details)
        if details.get("places"):
            yield _describe_places(table, details)
        elif details.get("wrong"):
            yield _describe_wrong(table, details)


def find_rounded_inputs(evidence: Evidence) -> set[str]:
    """Return the inputs whose ids are rounded before a table reads them."""
    return {details["input"] for details in read_id_tables(evidence).values() if details.get("rounded")}


def read_id_tables(evidence: Evidence) -> dict[str, IdProblems]:
    """Return what is wrong with the ids of each table, by its path."""
    return evidence.details("ids", dict[str, IdProblems])


def _describe_wrong(table: str, details: IdProblems) -> InputProblem:
    number = details["wrong"]
    if details.get("input"):
        ids = f"{format_count(number, 'value')} of input '{clean(details['input'], 60)}'"
    else:
        ids = format_count(number, "computed id")
    kind = "a fraction" if number == 1 and details["kind"] == "fractions" else details["kind"]
    message = f"{_are(ids, number)} {kind}; '{clean(table, 60)}' does not accept "
    message += f"{_them(number)}; {details['keras']}"
    fix = f"give whole ids from 0 to {details['highest']}"
    return InputProblem(status=Status.FAIL, cause="wrong-ids", message=message, fix=fix)


def _describe_places(table: str, details: IdProblems) -> InputProblem:
    message = (
        f"the rows have {details['places']} positions, but the table of positions '{clean(table, 60)}' has "
        f"{details['highest'] + 1}; {details['keras']}"
    )
    fix = f"cut the rows to {details['highest'] + 1} positions"
    return InputProblem(status=Status.FAIL, cause="wrong-length", message=message, fix=fix)


def _describe_rounded(table: str, details: IdProblems) -> InputProblem:
    rounded, name = details["rounded"], clean(details["input"], 60)
    ids = f"{format_count(rounded['changed'], 'id')} of input '{name}'"
    message = (
        f"{_are(ids, rounded['changed'])} rounded to {rounded['dtype']} before "
        f"'{clean(table, 60)}' reads {_them(rounded['changed'])}: "
        f"{rounded['given']:,} different ids become {rounded['kept']:,}"
    )
    dtype = "int64" if rounded["greatest"] > _MOST_IN_INT32 else "int32"
    fix = f"declare the input with whole numbers: keras.Input(shape, name='{name}', dtype='{dtype}')"
    return InputProblem(status=Status.FAIL, cause="ids-rounded", message=message, fix=fix)


def _are(things: str, number: int) -> str:
    return f"{things} {'is' if number == 1 else 'are'}"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"
