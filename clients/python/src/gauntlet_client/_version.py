"""The version of this package: that of the control plane that it was made for."""

from typing import Final

VERSION: Final = "0.1.0"
