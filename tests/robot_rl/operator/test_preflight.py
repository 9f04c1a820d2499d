from dataclasses import replace

import pytest

from robot_rl.operator.preflight import CHECKS, Check, Finding, missing

NOW_S = 1000.0
LIST = tuple(Finding(check.name.encode().decode(), True, NOW_S, "anna") for check in CHECKS)
"""As from another process: the same names, other objects."""
NAMES = [check.name for check in CHECKS]


def test_the_list_holds_what_must_be_looked_at_before_a_real_arm_moves() -> None:
    assert NAMES == ["payload", "box", "stop_test", "camera_view", "force_zero", "first_command"]
    assert [check.lasts_s for check in CHECKS] == [28800.0] * 4 + [60.0, 5.0]
    assert all(check.asks for check in CHECKS)


def test_a_complete_list_passes() -> None:
    assert missing(LIST, NOW_S) == ""


@pytest.mark.parametrize("k", range(len(CHECKS)), ids=NAMES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"passed": False, "detail": "12 N"}, "failed, by 'anna': 12 N"),
        ({"passed": False}, "failed, by 'anna': "),
        ({"passed": 1}, "failed"),
        ({"stamp_s": NOW_S + 0.1}, "found -0.1 s ago"),
        ({"stamp_s": NOW_S - 10 * 3600}, "found 36000.0 s ago"),
        ({"stamp_s": float("nan")}, "found nan s ago"),
        ({"check": "other"}, "0 findings, one is needed"),
    ],
)
def test_each_item_alone_keeps_the_list_from_passing(k: int, change: dict, words: str) -> None:
    findings = list(LIST)
    findings[k] = replace(findings[k], **change)
    reason = missing(findings, NOW_S)
    assert reason.startswith(f"{NAMES[k]}: {words}") and "; " not in reason.replace("; check again", "")


def test_a_failed_item_without_detail_says_what_was_asked() -> None:
    assert missing([replace(LIST[0], passed=False), *LIST[1:]], NOW_S).endswith(CHECKS[0].asks)


def test_two_findings_on_one_item_decide_nothing() -> None:
    assert missing([*LIST, replace(LIST[0], passed=False)], NOW_S).startswith("payload: 2 findings")


def test_everything_that_is_missing_is_named() -> None:
    assert missing([], NOW_S).count("0 findings") == len(CHECKS)


def test_a_finding_counts_until_it_is_too_old() -> None:
    check = Check("tool", "is it tight", 5.0)
    found = [Finding("tool", True, 100.0, "anna")]
    assert missing(found, 105.0, [check]) == ""
    assert missing(found, 100.0, [check]) == ""
    assert missing(found, 105.1, [check]) == "tool: found 5.1 s ago, counts for 0 to 5 s; check again"
