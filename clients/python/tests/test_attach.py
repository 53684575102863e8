"""The worker's view of the server's clock."""

import pytest

from gauntlet_client.attach import DRIFT, ServerClock, hello
from gauntlet_client.v1 import HeartbeatReply


def round_trip(clock: ServerClock, offset: int, sent: float, there: int, at: int, back: int) -> float:
    """Between clocks that are `offset` microseconds apart: the delay there, the time at the server, the delay back."""
    sent_us = clock.own_us(sent)
    received = sent_us + there + offset
    now = sent + (there + at + back) / 1e6
    clock.sample(HeartbeatReply(sent_us=sent_us, received_us=received, replied_us=received + at), now)
    return now


@pytest.mark.parametrize("offset", [-3_000_000, -7, 0, 7, 3_000_000])
@pytest.mark.parametrize(("there", "back"), [(0, 0), (100, 100), (900, 100), (0, 1_000), (1_000, 0)])
def test_the_offset_is_within_half_of_the_round_trip_whatever_the_delays(offset: int, there: int, back: int) -> None:
    clock = ServerClock()
    now = round_trip(clock, offset, 5.0, there, 50, back)
    found, uncertainty = clock.offset_us(now)
    assert uncertainty == pytest.approx((there + back) / 2 + 1, abs=1)
    assert abs(found - offset) <= uncertainty + 1


def test_the_shortest_round_trip_counts_until_it_is_old() -> None:
    clock = ServerClock()
    round_trip(clock, 1_000, 0.0, 10, 0, 10)
    now = round_trip(clock, 2_000, 1.0, 0, 0, 400)
    assert clock.offset_us(now)[0] == pytest.approx(1_000, abs=2)
    # The clocks may have drifted by more than the newer one is uncertain.
    later = 400 / 2 / (DRIFT * 1e6) + 1
    now = round_trip(clock, 2_000, later, 0, 0, 100)
    assert clock.offset_us(now)[0] == pytest.approx(1_950, abs=2)


def test_what_cannot_be_is_passed_over_and_a_guess_serves_meanwhile() -> None:
    clock = ServerClock()
    assert clock.offset_us(0.0) == (0.0, 0.0)
    clock.guess(clock.own_us(3.0) + 500, 3.0)
    clock.sample(HeartbeatReply(sent_us=clock.own_us(9.0), received_us=1, replied_us=1), 4.0)
    clock.sample(HeartbeatReply(sent_us=clock.own_us(3.0), received_us=2, replied_us=1), 4.0)
    assert clock.offset_us(4.0) == (500.0, 0.0)
    assert clock.local(clock.corrected_us(6.0)) == pytest.approx(6.0, abs=1e-5)


def test_a_worker_is_somebody() -> None:
    one, other = hello("", 4, 2), hello("", 4, 2)
    assert one.worker_id != other.worker_id and one.name == other.name != ""
    assert (one.protocol_min, one.protocol_max, one.capacity, one.processors) == (2, 2, 4, 2)
