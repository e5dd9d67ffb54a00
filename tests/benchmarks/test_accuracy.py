"""The accuracy table counts what the outcomes say."""

from __future__ import annotations

from benchmarks.accuracy import aligned, by_cause, by_family, document, misses
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
WARY = Case(name="wary", family="clean", build=dict, data=flat(3), quiet=("KC303",))

FOUND = Outcome(case=LEAK, exit_code=1, failing=("KC103",), cause="rounding", layer="mix")
MISTAKEN = Outcome(case=LEAK, exit_code=1, failing=("KC103",), cause="mask-lost", layer="dense")
PASSED = Outcome(case=PLAIN, exit_code=0)
ALARM = Outcome(case=PLAIN, exit_code=1, failing=("KC101",))
WARNED = Outcome(case=WARY, exit_code=0, warning=("KC303",))
SILENT = Outcome(case=PLAIN, exit_code=3, problem="died")


EVERY = [FOUND, MISTAKEN, PASSED, ALARM, WARNED, SILENT]


def test_counts_by_family_and_in_all() -> None:
    assert by_family(EVERY)[1:] == [
        ("batch", "2", "2/2", "1/2", "1/2", "0", "0", "0"),
        ("clean", "4", "1/4", "-", "-", "1", "1", "1"),
        ("all faulty", "2", "2/2", "1/2", "1/2", "0", "0", "0"),
        ("all clean", "4", "1/4", "-", "-", "1", "1", "1"),
    ]


def test_counts_by_cause() -> None:
    assert by_cause(EVERY)[1:] == [("rounding", "2", "2", "1/2", "1/2")]


def test_columns_stand_beneath_each_other() -> None:
    assert aligned([("a", "bb"), ("ccc", "d")]) == "a    bb\nccc  d"


def test_the_page_has_tables_and_misses() -> None:
    page = document(EVERY)
    assert "a run on 6 cases" in " ".join(page.split())
    assert "| rounding | 2 | 2 | 1/2 | 1/2 |" in page
    assert page.count("- wrong ") == 4
    assert document([FOUND, PASSED]).endswith("## Misses\n\nNone.\n")


def test_misses_name_what_is_wrong() -> None:
    assert misses([FOUND, MISTAKEN, PASSED, ALARM]).splitlines() == [
        (
            "wrong cause, layer: [batch] leak: wanted one of KC103, rounding at mix; exit 1, failing KC103, "
            "cause mask-lost, layer dense"
        ),
        (
            "wrong verdict: [clean] plain: wanted nothing, - at None; exit 1, failing KC101, cause None, "
            "layer None"
        ),
    ]


def test_no_miss_no_line() -> None:
    assert misses([FOUND, PASSED]) == ""
