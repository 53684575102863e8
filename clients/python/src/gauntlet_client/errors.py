"""What can go wrong between a caller and a control plane: each a class, its text a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from ._version import VERSION
from .gen.gauntlet.v1.run_pb import Run
from .gen.google.rpc.error_details_pb import BadRequest, PreconditionFailure

# The codes of answers that may be another one a little later.
_PASSING: Final = frozenset({Code.UNAVAILABLE, Code.UNKNOWN, Code.CANCELED, Code.DEADLINE_EXCEEDED})


class GauntletError(Exception):
    """Whatever this package raises."""

    passing: bool = False
    """Whether the same call may succeed a little later."""


class BadAddress(GauntletError, ValueError):
    """The address cannot be one of a control plane."""


class TokenInTheClear(GauntletError, ValueError):
    """A token would cross the network where anybody can read it."""


class Unreachable(GauntletError):
    """Nothing listens there."""

    passing = True


class NoTls(GauntletError):
    """What answers does not speak TLS, or nobody trusted vouches for it."""


class Lost(GauntletError):
    """The connection broke during a call; whether the call was carried out is not known."""

    passing = True


class Closed(GauntletError):
    """The client was closed, and is used once more."""


class NotGauntlet(GauntletError):
    """Something answers there, and it is no control plane."""


class OtherVersion(GauntletError):
    """The control plane does not know what it was asked."""


@dataclass(frozen=True)
class Violation:
    """One field that is wrong."""

    field: str
    """Its path in the request, like "spec.operations[1].weight"; may be empty."""
    message: str
    """What is wrong and what is allowed."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Refused(GauntletError):
    """The control plane answered with an error."""

    def __init__(self, code: Code, message: str, violations: Sequence[Violation] = ()) -> None:
        self.code: Final = code
        """What kind of error."""
        self.message: Final = message
        """In the control plane's words."""
        self.violations: Final = tuple(violations)
        """The fields that are wrong, for INVALID_ARGUMENT."""
        self.passing = code in _PASSING
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        if len(self.violations) > 1:
            lines = "".join(f"\n  {violation}" for violation in self.violations)
            return f"{len(self.violations)} fields are wrong:{lines}"
        return self.message or f"the control plane answered: {self.code.value}"


class InvalidRequest(Refused):
    """Fields of the request are wrong: see violations."""


class NotFound(Refused):
    """There is no such run, template, target or worker."""


class AlreadyExists(Refused):
    """The name is taken, or the request_id was used with another content."""


class Unauthenticated(Refused):
    """The control plane does not know who asks."""


class Forbidden(Refused):
    """The token does not allow it."""

    def _sentence(self) -> str:
        return f"{super()._sentence()}; ask who runs the control plane for a token that may do this"


class LostRace(Refused):
    """Somebody else changed it first: read it again."""


class Unavailable(Refused):
    """The control plane cannot answer now, for example because its store is away."""


class WrongState(Refused):
    """What is there is in a state that forbids it."""


@dataclass(frozen=True)
class Finding:
    """A severe finding of the check before a start."""

    code: str
    """Its stable name, to pass as acknowledge."""
    message: str
    """In words."""


class NotAcknowledged(WrongState):
    """The check before the start found something severe: the run stays PREPARED. Start it all the same with
    start_run(error.run, acknowledge=error.codes)."""

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        self.findings: Final = tuple(findings)
        self.run: Run = Run()
        """The run that was not started; set by start_run."""
        super().__init__(Code.FAILED_PRECONDITION, message)

    @property
    def codes(self) -> list[str]:
        """The codes to acknowledge."""
        return [finding.code for finding in self.findings]

    def _sentence(self) -> str:
        lines = "".join(f"\n  {finding.code}: {finding.message}" for finding in self.findings)
        return f"not started, because of what the check found:{lines}\npass these codes as acknowledge to start all the same"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a template file."""

    line: int
    """Counts from 1; 0 when it concerns the whole text."""
    column: int
    """Counts from 1, in characters; 0 when it concerns the whole text."""
    field: str
    """The field, like "operations[1].weight"; may be empty."""
    message: str
    """What is wrong and what is allowed."""

    def __str__(self) -> str:
        place = f"{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.field}: {self.message}" if self.field else f"{place}{self.message}"


class FaultyTemplate(GauntletError, ValueError):
    """A template file says what no template can say: see faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults: Final = tuple(faults)
        super().__init__("the template is wrong:" + "".join(f"\n  {fault}" for fault in self.faults))


class NoReport(GauntletError):
    """A run has ended without a report: it sent no load, or its report could not be made."""

    def __init__(self, run: Run) -> None:
        self.run: Final = run
        why = run.stop_message or run.stop_reason.name
        super().__init__(f"run {run.name} ended as {run.status.name} without a report: {why}")


_CLASSES: Final[dict[Code, type[Refused]]] = {
    Code.INVALID_ARGUMENT: InvalidRequest,
    Code.NOT_FOUND: NotFound,
    Code.ALREADY_EXISTS: AlreadyExists,
    Code.PERMISSION_DENIED: Forbidden,
    Code.FAILED_PRECONDITION: WrongState,
    Code.ABORTED: LostRace,
    Code.UNAVAILABLE: Unavailable,
}


def translated(error: ConnectError, url: str, method: str, has_token: bool) -> GauntletError:
    """What an error of the transport or of the control plane at an address means to the caller of a method."""
    # Only an error that was made on this side has a cause.
    match error.__cause__:
        case ConnectionError() as cause if "certificate" in str(cause):
            way_out = "name the certificate of its authority: connect(url, authorities=...)"
            return NoTls(f"no TLS with {url}: {_deepest(cause)}; {way_out}")
        case ConnectionError() as cause if "InvalidContentType" in str(cause):
            return NoTls(f"{url} does not speak TLS; use http instead of https")
        case ConnectionError():
            return Unreachable(f"no control plane answers at {url}; start one with: gauntlet up")
        case RuntimeError() as cause if "closed transport" in str(cause):
            return Closed(f"this client of {url} is closed; connect again, or close it later")
        case TimeoutError():
            return Lost(f"{url} did not answer in time; see whether the control plane is busy")
        case Exception() as cause:
            return Lost(f"the connection to the control plane broke: {_deepest(cause)}")
    # What a web server says of a path that it does not have, and connectrpc of a web page.
    if error.message == HTTPStatus.NOT_FOUND.phrase or error.message.startswith("invalid content-type"):
        return NotGauntlet(
            f"what answers at {url} is no control plane of gauntlet ({error.message}); "
            "check the address, like http://127.0.0.1:8090"
        )
    if error.code is Code.UNAUTHENTICATED:
        wrong = "does not accept the token: it is wrong or has expired; ask who runs it for a new one"
        missing = "asks for a token; give it one: connect(url, token=...)"
        return Unauthenticated(error.code, f"the control plane at {url} {wrong if has_token else missing}")
    if error.code is Code.UNIMPLEMENTED:
        return OtherVersion(
            f"the control plane at {url} is of another version and does not know {method}; "
            f"this package is {VERSION}: use the same version on both sides"
        )
    found = _findings(error)
    if found:
        return NotAcknowledged(error.message, found)
    return _CLASSES.get(error.code, Refused)(error.code, error.message, _violations(error))


def _deepest(cause: Exception) -> str:
    """The last of the reasons that pyqwest strings together."""
    return str(cause).rsplit(": ", 1)[-1] or type(cause).__name__


def _violations(error: ConnectError) -> list[Violation]:
    details = (detail.value(BadRequest) for detail in error.details if _is(detail.type_name, "BadRequest"))
    fields = (violation for detail in details if detail for violation in detail.field_violations)
    return [Violation(violation.field, violation.description) for violation in fields]


def _findings(error: ConnectError) -> list[Finding]:
    failures = (detail for detail in error.details if _is(detail.type_name, "PreconditionFailure"))
    details = (failure.value(PreconditionFailure) for failure in failures)
    found = (violation for detail in details if detail for violation in detail.violations)
    return [Finding(violation.subject, violation.description) for violation in found if violation.type == "PREFLIGHT"]


def _is(type_name: str, name: str) -> bool:
    return type_name.rsplit("/", 1)[-1] == f"google.rpc.{name}"
