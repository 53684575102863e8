"""The messages of the API, all in one place: `from gauntlet_client import v1`."""

from .gen.gauntlet.v1.common_pb import *
from .gen.gauntlet.v1.run_pb import *
from .gen.gauntlet.v1.run_service_pb import *
from .gen.gauntlet.v1.server_service_pb import *
from .gen.gauntlet.v1.target_pb import *
from .gen.gauntlet.v1.target_service_pb import *
from .gen.gauntlet.v1.template_service_pb import *
from .gen.gauntlet.v1.worker_pb import *
from .gen.gauntlet.v1.worker_service_pb import *

# Last: a parameter's Literal is a message, and elsewhere a word of typing.
from .gen.gauntlet.v1.template_pb import *  # isort: skip
