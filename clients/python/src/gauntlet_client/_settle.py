"""A pause at the end of the program, for the sake of pyqwest."""

import atexit
import sys
import time
from functools import cache
from typing import Final

# A thread of pyqwest that has just handed something over to the event loop still needs the interpreter for a moment. When
# that is at its end by then, Python before 3.14 ends the thread, Rust takes that for a panic, and the process is aborted: it
# was, at one exit in 40 of asynchronous clients on a busy machine; with this pause at none. pyqwest 0.12 waits for its blocking
# calls only: https://github.com/curioswitch/pyqwest/issues/164.
SETTLE_S: Final = 0.05


@cache
def settle_at_exit() -> None:
    """May be called again."""
    if sys.version_info < (3, 14):
        atexit.register(time.sleep, SETTLE_S)
