"""benchmarks/accuracy.py counts the outcomes of cases correctly."""

from __future__ import annotations

from benchmarks.accuracy import align_columns, count_by_cause, count_by_family, format_page, list_misses
from tests.corpus.cases import Case, flat
from tests.corpus.verdict import Outcome

LEAK = Case(
    name="leak",
    family="batch",
    build=dict,
    data=flat(3),
    causes=("rounding",),
    layer="mix",
    failing=("KC103",),
)
PLAIN = Case(name="plain", family="clean", build=dict, data=flat(3))
WARNING_CASE = Case(name="wary", family="clean", build=dict, data=flat(3), quiet=("KC303",))

CORRECT = Outcome(case=LEAK, exit_code=1, failing=("KC103",), cause="rounding", layer="mix")
WRONG_CAUSE = Outcome(case=LEAK, exit_code=1, failing=("KC103",), cause="mask-lost", layer="dense")
PASSED = Outcome(case=PLAIN, exit_code=0)
FALSE_ALARM = Outcome(case=PLAIN, exit_code=1, failing=("KC101",))
WARNED = Outcome(case=WARNING_CASE, exit_code=0, warning=("KC303",))
NO_VERDICT = Outcome(case=PLAIN, exit_code=3, problem="died")


ALL_OUTCOMES = [CORRECT, WRONG_CAUSE, PASSED, FALSE_ALARM, WARNED, NO_VERDICT]


def test_outcomes_are_counted_by_family_and_in_total() -> None:
    assert count_by_family(ALL_OUTCOMES)[1:] == [
        ("batch", "2", "2/2", "1/2", "1/2", "0", "0", "0"),
        ("clean", "4", "1/4", "-", "-", "1", "1", "1"),
        ("all faulty", "2", "2/2", "1/2", "1/2", "0", "0", "0"),
        ("all clean", "4", "1/4", "-", "-", "1", "1", "1"),
    ]


def test_outcomes_are_counted_by_cause() -> None:
    assert count_by_cause(ALL_OUTCOMES)[1:] == [("rounding", "2", "2", "1/2", "1/2")]


def test_columns_are_aligned() -> None:
    assert align_columns([("a", "bb"), ("ccc", "d")]) == "a    bb\nccc  d"


def test_the_page_contains_tables_and_misses() -> None:
    page = format_page(ALL_OUTCOMES)
    assert "a run on 6 of" in " ".join(page.split())
    assert "| rounding | 2 | 2 | 1/2 | 1/2 |" in page
    assert page.count("- wrong ") == 4
    assert format_page([CORRECT, PASSED]).endswith("## Misses\n\nNone.\n")


def test_each_miss_names_the_wrong_parts() -> None:
    assert list_misses([CORRECT, WRONG_CAUSE, PASSED, FALSE_ALARM]).splitlines() == [
        (
            "wrong cause, layer: [batch] leak: wanted one of KC103, rounding at mix; exit 1, failing KC103, "
            "cause mask-lost, layer dense"
        ),
        (
            "wrong verdict: [clean] plain: wanted nothing, - at None; exit 1, failing KC101, cause None, "
            "layer None"
        ),
    ]


def test_correct_outcomes_are_not_listed() -> None:
    assert list_misses([CORRECT, PASSED]) == ""
