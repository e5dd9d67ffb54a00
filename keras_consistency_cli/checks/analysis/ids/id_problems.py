"""Problems of ids and words: a table or vocabulary lacks them, or they are rounded before it reads them."""

from __future__ import annotations

from collections.abc import Iterator

from keras_consistency_cli.checks.analysis.ids.spellings import MISSPELLED, SPELLINGS, UNKNOWN_WORDS
from keras_consistency_cli.checks.analysis.shape_problems import InputProblem
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.checks.verdict import Status
from keras_consistency_cli.routes.calling.ids.table_ids import IdProblems
from keras_consistency_cli.routes.calling.ids.unknown_words import UnknownWords
from keras_consistency_cli.text import clean, format_count

__all__ = [
    "find_id_problems",
    "find_input_dtype",
    "find_rounded_inputs",
    "find_word_problems",
    "read_id_tables",
    "suggest_whole_numbers",
]

_FEWEST_WORDS = 8
_NEARLY_ALL = 0.95
"""Share of unknown words that is a fault if no different spelling makes them known."""

_MOST_IN_INT32 = 2**31 - 1


def find_id_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """Yield what is wrong with the ids that reach each table."""
    for table, details in read_id_tables(evidence).items():
        if details.get("rounded"):
            yield _describe_rounded(table, details, find_input_dtype(details, evidence))
        if details.get("places"):
            yield _describe_places(table, details)
        elif details.get("wrong"):
            yield _describe_wrong(table, details)


def find_word_problems(evidence: Evidence) -> Iterator[InputProblem]:
    """Yield the vocabularies that lack many of the words that reach them.

    A FAIL if the words are spelled differently there. If all of them are new, the rows may be right.
    """
    if evidence.data.description.generated:
        return
    for layer, details in evidence.details("words", dict[str, UnknownWords]).items():
        given, unknown = details["given"], details["unknown"]
        spelling = details.get("spelling", "")
        if given < _FEWEST_WORDS or unknown < (MISSPELLED if spelling else _NEARLY_ALL) * given:
            continue
        message = (
            f"{unknown:,} of {given:,} words or categories are unknown to '{clean(layer, 60)}', such as "
            f"{clean(', '.join(details['words']), 80)}; its vocabulary begins with "
            f"{clean(', '.join(details['vocabulary']), 80)}"
        )
        if not spelling:
            fix = "give the words or categories that the vocabulary was adapted on, as they were then"
            yield InputProblem(status=Status.WARN, cause=UNKNOWN_WORDS, message=message, fix=fix, layer=layer)
            continue
        words, fix = SPELLINGS[spelling]
        message += f"; {words} they are known: {clean(details['becomes'], 80)}"
        yield InputProblem(
            status=Status.FAIL,
            cause=UNKNOWN_WORDS,
            message=message,
            fix=fix,
            layer=layer,
            confirmed=True,
        )


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


def find_input_dtype(details: IdProblems, evidence: Evidence) -> str:
    """Return the dtype that the input of these ids declares, "" if it is not known."""
    return next((fact.dtype for fact in evidence.facts.inputs if fact.name == details["input"]), "")


def suggest_whole_numbers(details: IdProblems, declared: str) -> str:
    """Return how the ids keep their values: the dtype of the input, of the rows, or no cast in the model."""
    rounded, name = details["rounded"], clean(details["input"], 60)
    dtype = "int64" if rounded["greatest"] > _MOST_IN_INT32 else "int32"
    if "int" not in declared:
        return f"declare the input with whole numbers: keras.Input(shape, name='{name}', dtype='{dtype}')"
    if rounded["dtype"] == "float32" and "float" in rounded.get("rows", ""):
        return f"give the rows of '{name}' as x.astype('{dtype}'); predict rounds other floats to float32"
    return f"do not cast '{name}' to {rounded['dtype']} in the model before the table reads it"


def _describe_rounded(table: str, details: IdProblems, declared: str) -> InputProblem:
    rounded, name = details["rounded"], clean(details["input"], 60)
    ids = f"{format_count(rounded['changed'], 'id')} of input '{name}'"
    is_shared = rounded["kept"] < rounded["given"]
    effect = (
        f"{rounded['given']:,} different ids become {rounded['kept']:,}"
        if is_shared
        else "other ids are read"
    )
    message = (
        f"{_are(ids, rounded['changed'])} rounded to {rounded['dtype']} before "
        f"'{clean(table, 60)}' reads {_them(rounded['changed'])}: {effect}"
    )
    fix = suggest_whole_numbers(details, declared)
    return InputProblem(status=Status.FAIL, cause="ids-rounded", message=message, fix=fix)


def _are(things: str, number: int) -> str:
    return f"{things} {'is' if number == 1 else 'are'}"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"
