"""The encoding, byte by byte, and read back."""

import random

import pytest

from gauntlet_client.histogram import LARGEST_NS, Histogram

HEADER = "1c849313{:08x}00000000000000030000000000000001" + "00000346" "30b8a000" + "3ff0000000000000"


def of(*values: int) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([0], "02"),
        ([1, 1], "0104"),
        ([-5, 3], "020302"),
        # 2047 has a place of its own, 2048 shares one with 2049.
        ([2047], "fd1f02"),
        ([2048, 2049], "ff1f04"),
        ([0] * 64, "8001"),
    ],
)
def test_bytes(values: list[int], counts: str) -> None:
    assert of(*values).encode().hex() == HEADER.format(len(counts) // 2) + counts


def test_nothing_is_nothing() -> None:
    assert of().encode() == b""


def decoded(encoded: bytes) -> list[tuple[int, int]]:
    """Each place that counts: the smallest value that lies in it, and how many did."""
    bytes_, numbers = iter(encoded[40:]), []
    for first in bytes_:
        number, bits = first & 0x7F, 7
        while first & 0x80:
            first = next(bytes_)
            number, bits = number | (first & 0x7F) << bits, bits + 7
        numbers.append(number >> 1 if number % 2 == 0 else -(number >> 1) - 1)
    place, found = 0, []
    for number in numbers:
        if number > 0:
            power = max(place // 1024 - 1, 0)
            found.append(((place - 1024 * power) << power, number))
        place += max(1, -number)
    return found


def test_a_value_comes_back_within_a_thousandth() -> None:
    draw = random.Random(7)
    values = sorted([int(10 ** draw.uniform(0, 12.4)) for _ in range(5_000)] + [0, LARGEST_NS, LARGEST_NS + 1])
    read = [value for value, count in decoded(of(*values).encode()) for _ in range(count)]
    assert len(read) == len(values) == len(of(*values))
    for value, back in zip(values, read, strict=True):
        assert back <= value and min(value, LARGEST_NS) - back <= value / 1000


def test_a_sum_is_what_one_would_have_recorded() -> None:
    sum_ = of(1, 5_000, 7)
    sum_ += of(7, 10**9)
    assert sum_.encode() == of(1, 7, 7, 5_000, 10**9).encode()
