"""A pause at the end of the program, for the sake of pyqwest."""

import atexit
import time
from functools import cache
from typing import Final

# A thread of pyqwest that has just handed something over still needs the interpreter for a moment. When the program is at
# its end by then, the process is aborted: it was, at one exit in ten of asynchronous clients; with this pause at none of 80.
SETTLE_S: Final = 0.05


@cache
def settle_at_exit() -> None:
    """May be called again."""
    atexit.register(time.sleep, SETTLE_S)
