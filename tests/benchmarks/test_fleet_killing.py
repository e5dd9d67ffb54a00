"""The comparison of two fleets reports each value that differs, except for those that vary between runs."""

from __future__ import annotations

from copy import deepcopy

from benchmarks.fleet_killing import find_differences

REPORT: dict[str, object] = {
    "models": [
        {
            "name": "a",
            "attempts": 1,
            "report": {"exit_code": 0, "elapsed_s": 1.5, "results": [{"status": "pass"}, {"code": "KC206"}]},
        },
        {"name": "b", "attempts": 1, "report": {"exit_code": 1, "elapsed_s": 2.5, "results": []}},
    ]
}


def test_times_and_attempts_do_not_count() -> None:
    other = deepcopy(REPORT)
    other["models"][0].update(attempts=3)  # type: ignore[index]
    other["models"][1]["report"].update(elapsed_s=9.0)  # type: ignore[index]
    other["models"][0]["report"]["results"][1].update(message="2 ms")  # type: ignore[index]
    assert find_differences(REPORT, other) == []


def test_a_different_status_a_missing_key_and_a_lost_model_are_found() -> None:
    status, missing, lost = deepcopy(REPORT), deepcopy(REPORT), deepcopy(REPORT)
    status["models"][0]["report"]["results"][0]["status"] = "fail"  # type: ignore[index]
    del missing["models"][1]["report"]["exit_code"]  # type: ignore[index]
    lost["models"].pop()  # type: ignore[attr-defined]
    found = [find_differences(REPORT, other) for other in (status, missing, lost)]
    places = [[line.split(": ")[0] for line in lines] for lines in found]
    assert places == [[".models[0].report.results[0].status"], [".models[1].report.exit_code"], [".models"]]
