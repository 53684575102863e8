"""The histograms of the worker stream: HdrHistogram's V2 encoding, nanoseconds, three significant digits.

See https://github.com/HdrHistogram/HdrHistogram: 2048 values each up to 2047, from there on 1024 values for each power of
two.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Final

LARGEST_NS: Final = 3_600_000_000_000
"""The largest value, one hour; what is larger counts as this."""

_COOKIE: Final = 0x1C849313
_DIGITS: Final = 3
_HALF_BITS: Final = 10


class Histogram:
    """Counts of values. Add two with +=."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def record(self, nanoseconds: int) -> None:
        """Counts a value once; one below 0 as 0."""
        value = min(max(nanoseconds, 0), LARGEST_NS)
        power = max(value.bit_length() - _HALF_BITS - 1, 0)
        self._counts[(power << _HALF_BITS) + (value >> power)] += 1

    def __iadd__(self, other: Histogram) -> Histogram:
        self._counts.update(other._counts)
        return self

    def __len__(self) -> int:
        return self._counts.total()

    def encode(self) -> bytes:
        """Empty when nothing was counted."""
        if not self._counts:
            return b""
        body, next_index = bytearray(), 0
        for index, count in sorted(self._counts.items()):
            if index > next_index:
                # So many empty ones.
                body += _number(next_index - index)
            body += _number(count)
            next_index = index + 1
        # Cookie, length, an unused offset, digits, smallest and largest value, an unused ratio.
        return struct.pack(">IIIIQQd", _COOKIE, len(body), 0, _DIGITS, 1, LARGEST_NS, 1.0) + body


def _number(value: int) -> bytes:
    """Zigzag, then seven bits to a byte; counts of a process stay below the 2^56 from which a ninth byte would differ."""
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)
