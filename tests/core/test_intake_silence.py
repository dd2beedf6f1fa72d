"""When a connection looks silent: compared with its own rhythm, with the opening, and with the end."""

from datetime import UTC, datetime, timedelta

from services.intake.core.silence import Window, silence

OPENS = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def window(day: float, length: int = 40) -> Window:
    return Window(OPENS, OPENS + length * DAY, OPENS + day * DAY)


def at(*days: float) -> list[datetime]:
    return [OPENS + day * DAY for day in days]


def test_a_cohort_that_is_not_open_expects_nothing() -> None:
    assert silence([], window(-1)) is None
    assert silence([], window(41)) is None


def test_in_the_first_three_days_nothing_is_missed() -> None:
    assert silence([], window(2.9)) is None
    assert silence([], window(3.1)) == "nothing yet, 3 days after the cohort opened"


def test_a_weekend_that_it_has_been_through_is_part_of_its_rhythm() -> None:
    week = at(4.5, 5, 5.5, 8)
    assert silence(week, window(12.9)) is None
    assert silence(week, window(13.1)) == "nothing for 5 days; its longest pause was 2 days"


def test_a_lively_connection_is_silent_after_a_day() -> None:
    lively = at(*(n / 24 for n in range(48)))
    assert silence(lively, window(2.9)) is None
    assert silence(lively, window(3.1)) == "nothing for 27 h; its longest pause was 60 min"


def test_after_two_deliveries_it_may_pause_for_three_days() -> None:
    assert silence(at(1, 1.1), window(4)) is None
    assert silence(at(1, 1.1), window(4.2)) == "nothing for 3 days; its longest pause was 2 h"
    assert silence(at(1), window(4.2)) == "nothing for 3 days; that is longer than 3 days"


def test_in_the_last_three_days_a_day_is_long() -> None:
    slow = at(5, 15, 25)
    assert silence(slow, window(36.9)) is None
    assert silence(slow, window(37.1)) is not None


def test_what_came_before_the_opening_is_no_sign_of_life_of_these_days() -> None:
    assert silence(at(-10, -9, -8), window(4.5)) == "nothing for 4 days; its longest pause was 24 h"
