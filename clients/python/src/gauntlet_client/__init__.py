"""Drive gauntlet, the load generator for databases: start runs, watch them live, read their reports.

`connect(url)` blocks, `gauntlet_client.aio.connect(url)` is for asyncio; both do the same. Messages are in
`gauntlet_client.v1`, errors in `gauntlet_client.errors`.
"""

from . import aio, errors, v1
from ._follow import Interrupted, Skipped, is_over
from ._outcome import exit_code
from ._steps import Ended
from ._sync import Gauntlet, connect
from ._version import VERSION as __version__
from .errors import GauntletError

__all__ = [
    "Ended",
    "Gauntlet",
    "GauntletError",
    "Interrupted",
    "Skipped",
    "__version__",
    "aio",
    "connect",
    "errors",
    "exit_code",
    "is_over",
    "v1",
]
