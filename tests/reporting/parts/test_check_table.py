from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from keras_consistency_cli.checks.verdict import Judged, Status, Verdict
from keras_consistency_cli.measurement.comparison import Comparison
from keras_consistency_cli.measurement.policy import Limit, UserLimit
from keras_consistency_cli.reporting.parts.canvas import Canvas
from keras_consistency_cli.reporting.parts.check_table import check_table, status_text
from keras_consistency_cli.reporting.parts.layout import draw
from keras_consistency_cli.reporting.parts.verdict_summary import sort_verdicts
from keras_consistency_cli.reporting.report import Report

Maker = Callable[..., Report]
Pairing = Callable[..., Judged]


def _table(report: Report, **canvas: object) -> list[str]:
    return [line.plain for line in check_table(Canvas(**canvas), report)]  # type: ignore[arg-type]


def _verdict(status: Status, *pairs: Judged, code: str = "KC101", **more: str) -> Verdict:
    return Verdict(
        code=code,
        name="batch-vs-single",
        status=status,
        message=more.pop("message", "said"),
        judged=pairs,
        **more,
    )  # type: ignore[arg-type]


def test_order_is_failing_first_and_skipped_last() -> None:
    verdicts = [_verdict(status, code=f"KC10{at}") for at, status in enumerate(Status)]
    wanted = [Status.FAIL, Status.ERROR, Status.WARN, Status.PASS, Status.SKIP]
    assert [verdict.status for verdict in sort_verdicts(verdicts)] == wanted


@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_status_has_its_own_mark_and_word(ascii_only: bool) -> None:
    texts = [status_text(Canvas(ascii_only=ascii_only), status).plain for status in Status]
    assert len({text[0] for text in texts}) == len(texts)
    assert [text[2:] for text in texts] == ["PASS", "SKIP", "WARN", "ERROR", "FAIL"]


def test_a_line_shows_the_worst_of_its_comparisons(
    make_report: Maker, judged: Pairing, wording: SnapshotAssertion
) -> None:
    verdict = _verdict(Status.FAIL, judged("a", "b", 0.0), judged("c", "b", 0.25), judged("d", "b", 0.001))
    lines = _table(make_report(verdict, noise={"score": 1e-3}))
    assert lines[1].split()[-4:] == ["0.25", "250", "2.3e-07", "256"]
    assert "\n".join(lines) == wording


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("calibrated", "0.5"),
        ("calibrated-few-rows", "0.5*"),
        ("fallback", "0.5~"),
        ("amplified", "0.5^"),
        ("stated", "0.5="),
        ("exact", "exact"),
    ],
)
def test_the_origin_of_each_limit_is_stated(
    make_report: Maker, wording: SnapshotAssertion, origin: str, shown: str
) -> None:
    comparison = Comparison(candidate="a", reference="b", output="score", rows=4, elements=4)
    one = Judged(comparison=comparison, limit=Limit(value=0.5, origin=origin), within=True)  # type: ignore[arg-type]
    lines = _table(make_report(_verdict(Status.PASS, one)))
    assert lines[1].split()[-2] == shown
    assert lines[2:] == wording


def test_a_stated_limit_is_marked_as_judged(make_report: Maker, judged: Pairing) -> None:
    lines = _table(
        make_report(_verdict(Status.PASS, judged("a", "b", 1e-4, stated=UserLimit(rtol=0.0, atol=0.01))))
    )
    assert lines[1].split()[-2:] == ["0.01=", "256"]


@pytest.mark.parametrize(
    ("measured", "shown"), [({"misshapen": "(4, 1) against (4,)"}, "shape"), ({"nonfinite": 2}, "nonfinite")]
)
def test_a_missing_measurement_has_no_number(
    make_report: Maker, measured: dict[str, object], shown: str
) -> None:
    comparison = Comparison(candidate="a", reference="b", output="score", rows=4, elements=4, **measured)  # type: ignore[arg-type]
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin="exact"), within=False)
    lines = _table(make_report(_verdict(Status.FAIL, one)))
    assert lines[1].split()[4:] == [shown, "—", "—", "4"]
    assert len(lines) == 2


def test_a_skip_shows_its_whole_reason(make_report: Maker) -> None:
    reason = (
        "no GPU is visible to TensorFlow, and none of the other backends that are installed here sees one "
        "either"
    )
    lines = _table(make_report(_verdict(Status.SKIP, reason=reason, message="unused")), width=60)
    assert " ".join(" ".join(lines).split()) == f"- SKIP KC101 batch-vs-single: {reason}"


def test_a_skip_without_reason_is_listed(make_report: Maker) -> None:
    assert _table(make_report(_verdict(Status.SKIP))) == [
        "- SKIP  KC101 batch-vs-single: no reason was given"
    ]


def test_skips_for_the_same_reason_share_a_line(make_report: Maker) -> None:
    skips = [_verdict(Status.SKIP, reason=reason) for reason in ("no scaler", "no GPU", "no scaler")]
    named = [replace(skip, code=f"KC30{at}", name=f"name-{at}") for at, skip in enumerate(skips)]
    assert _table(make_report(*named)) == ["- SKIP  KC300, KC302: no scaler", "- SKIP  KC301 name-1: no GPU"]


@pytest.mark.parametrize(
    ("status", "message", "shown"),
    [
        (Status.PASS, "one row: 27 ms, 3 ms, and 0.4 ms; 256 rows: 0.1 ms a row", "one row: 27 ms, 3 ms …"),
        (
            Status.WARN,
            "one row: 27 ms, 3 ms, and 0.4 ms; 256 rows: 0.1 ms a row and the time of a call divided by 256",
            "one row: 27 ms, 3 ms, and 0.4 ms …",
        ),
        (
            Status.FAIL,
            "It stops. Then, after a long while, it goes on and on and on and on and on and on and on and on",
            "It stops …",
        ),
        (Status.PASS, "rows, weights and outputs are finite", "rows, weights and outputs are finite"),
        (Status.PASS, "word " * 8, "word word word word word word word word"),
        (
            Status.ERROR,
            "word " * 40,
            "word word word word word word word word word word word word word word word word word …",
        ),
    ],
    ids=["pass", "warn", "sentence", "enumeration", "two lines", "cut"],
)
def test_a_long_message_ends_with_a_sentence_a_clause_or_a_phrase(
    make_report: Maker, status: Status, message: str, shown: str
) -> None:
    lines = _table(make_report(_verdict(status, message=message)), width=60)
    text = " ".join(line.split("batch-vs-single")[-1].strip() for line in lines[1:])
    assert text == shown
    assert len(lines) <= 4
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("message", [",", "a,", "no, yes"])
def test_a_short_message_with_a_comma_is_shown_whole(make_report: Maker, message: str) -> None:
    lines = _table(make_report(_verdict(Status.PASS, message=message)), width=60)
    assert lines[-1].split("batch-vs-single")[-1].strip() == message


def test_verbose_shows_the_whole_message(make_report: Maker) -> None:
    lines = _table(make_report(_verdict(Status.PASS, message="word " * 40)), width=60, amount="verbose")
    assert " ".join(lines).count("word") == 40


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (80, ["check", "deviation", "× noise", "limit", "rows"]),
        (62, ["check", "deviation", "× noise", "limit", "rows"]),
        (58, ["check", "worst", "×noise", "limit", "rows"]),
        (54, ["check", "worst", "×noise", "limit"]),
        (46, ["check", "worst", "×noise"]),
        (40, ["check", "worst", "×noise"]),
    ],
)
def test_columns_are_left_out_as_the_width_shrinks(
    make_report: Maker, judged: Pairing, width: int, titles: list[str]
) -> None:
    verdicts = (
        _verdict(Status.FAIL, judged("a", "b", 1.5e-5)),
        _verdict(Status.ERROR, message="word " * 40),
        _verdict(Status.SKIP, reason="word " * 40),
    )
    report = make_report(*verdicts, noise={"score": 1e-9})
    lines = draw(Canvas(width=width), check_table(Canvas(width=width), report)).splitlines()
    assert " ".join(lines[0].split()) == " ".join(titles)
    assert max(len(line) for line in lines) <= width


def test_at_the_narrowest_a_word_in_place_of_a_number_still_fits(make_report: Maker) -> None:
    comparison = Comparison(candidate="a", reference="b", output="score", rows=4, elements=4, nonfinite=1)
    one = Judged(comparison=comparison, limit=Limit(value=0.0, origin="exact"), within=False)
    report = make_report(_verdict(Status.FAIL, one), _verdict(Status.ERROR))
    lines = draw(Canvas(width=40), check_table(Canvas(width=40), report)).splitlines()
    assert lines[0].split() == ["check", "worst"]
    assert max(len(line) for line in lines) <= 40


def test_a_failure_about_something_else_says_so_in_place_of_numbers(
    make_report: Maker, judged: Pairing
) -> None:
    changed = Verdict(
        code="KC203",
        name="repeatability",
        status=Status.FAIL,
        message="it changes a variable",
        judged=(judged("a", "b", 0.0),),
    )
    assert _table(make_report(changed))[1:] == ["✗ FAIL  KC203  repeatability  it changes a variable"]
