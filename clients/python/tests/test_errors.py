"""Each error of the transport or the control plane has its class, and a sentence that says what to do."""

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from protobuf import Message

from gauntlet_client import errors
from gauntlet_client._address import checked
from gauntlet_client.errors import translated
from gauntlet_client.gen.google.rpc.error_details_pb import BadRequest, PreconditionFailure

URL = "http://127.0.0.1:8090"
METHOD = "gauntlet.v1.RunService/GetRun"


def answered(code: Code, message: str = "words", *details: Message) -> errors.GauntletError:
    return translated(ConnectError(code, message, details), URL, METHOD, has_token=False)


def broken(cause: Exception) -> errors.GauntletError:
    error = ConnectError(Code.UNAVAILABLE, "whatever")
    error.__cause__ = cause
    return translated(error, URL, METHOD, has_token=False)


@pytest.mark.parametrize(
    ("code", "kind", "passing"),
    [
        (Code.INVALID_ARGUMENT, errors.InvalidRequest, False),
        (Code.NOT_FOUND, errors.NotFound, False),
        (Code.ALREADY_EXISTS, errors.AlreadyExists, False),
        (Code.PERMISSION_DENIED, errors.Forbidden, False),
        (Code.FAILED_PRECONDITION, errors.WrongState, False),
        (Code.ABORTED, errors.LostRace, False),
        (Code.UNAVAILABLE, errors.Unavailable, True),
        (Code.UNKNOWN, errors.Refused, True),
        (Code.DEADLINE_EXCEEDED, errors.Refused, True),
        (Code.CANCELED, errors.Refused, True),
        (Code.RESOURCE_EXHAUSTED, errors.Refused, False),
        (Code.INTERNAL, errors.Refused, False),
        (Code.DATA_LOSS, errors.Refused, False),
        (Code.OUT_OF_RANGE, errors.Refused, False),
    ],
)
def test_codes(code: Code, kind: type[errors.Refused], passing: bool) -> None:
    error = answered(code)
    assert type(error) is kind
    assert (error.code, error.passing) == (code, passing)
    assert str(error).startswith("words")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (
            broken(ConnectionRefusedError()),
            errors.Unreachable,
            f"no control plane answers at {URL}; start one with: gauntlet up",
        ),
        (broken(OSError("error reading: body error: reset")), errors.Lost, "the connection to the control plane broke: reset"),
        (broken(OSError()), errors.Lost, "the connection to the control plane broke: OSError"),
        (broken(TimeoutError()), errors.Lost, f"{URL} did not answer in time; see whether the control plane is busy"),
        (
            answered(Code.UNIMPLEMENTED),
            errors.OtherVersion,
            f"the control plane at {URL} is of another version and does not know {METHOD}; this package is 0.1.0: "
            "use the same version on both sides",
        ),
        (
            answered(Code.UNAUTHENTICATED),
            errors.Unauthenticated,
            f"the control plane at {URL} asks for a token; give it one: connect(url, token=...)",
        ),
        (
            translated(ConnectError(Code.UNAUTHENTICATED, "Unauthorized"), URL, METHOD, has_token=True),
            errors.Unauthenticated,
            f"the control plane at {URL} does not accept the token: it is wrong or has expired; ask who runs it for a new one",
        ),
        (
            answered(Code.PERMISSION_DENIED, "viewers start no runs"),
            errors.Forbidden,
            "viewers start no runs; ask who runs the control plane for a token that may do this",
        ),
        (
            answered(Code.UNIMPLEMENTED, "Not Found"),
            errors.NotGauntlet,
            f"what answers at {URL} is no control plane of gauntlet (Not Found); check the address, like http://127.0.0.1:8090",
        ),
        (
            broken(ConnectionError("error sending request: client error: invalid peer certificate: UnknownIssuer")),
            errors.NoTls,
            f"no TLS with {URL}: UnknownIssuer; name the certificate of its authority: connect(url, authorities=...)",
        ),
        (
            broken(ConnectionError("client error (Connect): received corrupt message of type InvalidContentType")),
            errors.NoTls,
            f"{URL} does not speak TLS; use http instead of https",
        ),
        (answered(Code.INTERNAL, ""), errors.Refused, "the control plane answered: internal"),
    ],
)
def test_sentences(error: errors.GauntletError, kind: type[errors.GauntletError], sentence: str) -> None:
    assert (type(error), str(error)) == (kind, sentence)


def test_one_violation_is_the_message_and_more_are_a_list() -> None:
    def violation(field: str, text: str) -> BadRequest.FieldViolation:
        return BadRequest.FieldViolation(field=field, description=text)

    def refused(*violations: BadRequest.FieldViolation) -> errors.GauntletError:
        return answered(Code.INVALID_ARGUMENT, "first: is wrong", BadRequest(field_violations=list(violations)))

    one = refused(violation("first", "is wrong"))
    assert str(one) == "first: is wrong"
    assert isinstance(one, errors.InvalidRequest) and one.violations == (errors.Violation("first", "is wrong"),)
    two = refused(violation("first", "is wrong"), violation("", "too much"))
    assert str(two) == "2 fields are wrong:\n  first: is wrong\n  too much"


def test_findings_that_keep_a_run_from_starting_are_an_error_of_their_own() -> None:
    finding = PreconditionFailure.Violation(type="PREFLIGHT", subject="NO_INDEX", description="t is scanned")
    error = answered(Code.FAILED_PRECONDITION, "held", PreconditionFailure(violations=[finding]))
    assert isinstance(error, errors.NotAcknowledged) and error.codes == ["NO_INDEX"]
    assert str(error) == (
        "not started, because of what the check found:\n  NO_INDEX: t is scanned\n"
        "pass these codes as acknowledge to start all the same"
    )
    other = PreconditionFailure.Violation(type="RUN_STATUS", subject="RUNNING", description="is running")
    assert type(answered(Code.FAILED_PRECONDITION, "x", PreconditionFailure(violations=[other]))) is errors.WrongState


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8090", "localhost", "ftp://host", "http://", "https://", "http://h:x", "http://h?q"]
)
def test_an_address_without_http_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(errors.BadAddress) as refused:
        checked(url, None)
    assert str(refused.value) == f'"{url}" is not the address of a control plane; give one like http://127.0.0.1:8090'


@pytest.mark.parametrize("url", ["http://127.0.0.1:8090", "http://[::1]:8090/", "http://localhost", "https://example.com"])
def test_a_token_may_go_to_this_machine_or_by_tls(url: str) -> None:
    assert checked(url, "secret") == url.rstrip("/")


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:8090", "http://localhost.example.com"])
def test_a_token_is_not_sent_in_the_clear(url: str) -> None:
    assert checked(url, None) == url
    with pytest.raises(errors.TokenInTheClear) as refused:
        checked(url, "secret")
    assert "secret" not in str(refused.value) and "use an https address" in str(refused.value)
