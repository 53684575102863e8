"""What takes several calls, against scripted answers."""

from pathlib import Path
from typing import Any

import pytest
from connectrpc.code import Code
from protobuf import Message

from gauntlet_client import _steps, errors, exit_code, v1
from gauntlet_client._steps import Start, Steps
from gauntlet_client.errors import Fault, Finding
from gauntlet_client.v1 import RunStatus as S, Validity as V, Verdict as J

SPEC = v1.TemplateSpec(target="db")
PARSED = v1.ParseTemplateResponse(name="reads", spec=SPEC)
PREPARED = v1.Run(run_id="r", name="reads-1", status=v1.RunStatus.PREPARED)
STARTED = v1.Run(run_id="r", name="reads-1", status=v1.RunStatus.STARTING)
CREATED = v1.CreateRunResponse(run=PREPARED)
OK = v1.StartRunResponse(run=STARTED)
ABSENT = errors.NotFound(Code.NOT_FOUND, "template reads does not exist")

Answer = Message[Any] | errors.GauntletError


def played(steps: Steps[Any], *answers: Answer) -> tuple[Any, list[Any]]:
    """What came of it and the requests that it made, but for the ids that are drawn."""
    requests: list[Any] = []
    script = list(answers)
    try:
        call = next(steps)
        while True:
            if hasattr(call.request, "request_id"):
                assert len(call.request.request_id) == 36
                call.request.request_id = ""
            requests.append(call.request)
            answer = script.pop(0)
            call = steps.throw(answer) if isinstance(answer, errors.GauntletError) else steps.send(answer)
    except StopIteration as end:
        assert not script
        return end.value, requests


def template(version: int) -> v1.Template:
    return v1.Template(project="default", name="reads", version=version, etag=f"e{version}", spec=SPEC)


def test_a_name_starts_the_newest_version_of_a_stored_template() -> None:
    run, requests = played(_steps.start(Start("reads", "acme/web", "mine", {"a": "b"}, ["X"])), CREATED, OK)
    assert run == STARTED
    assert requests == [
        v1.CreateRunRequest(project="acme/web", template="reads", name="mine", labels={"a": "b"}),
        v1.StartRunRequest(run_id="r", acknowledged_findings=["X"]),
    ]


def test_a_text_becomes_the_first_version_or_the_next() -> None:
    create = v1.CreateTemplateResponse(template=template(1))
    _, requests = played(_steps.start(Start("name: reads # why\n")), PARSED, ABSENT, create, CREATED, OK)
    assert requests[:4] == [
        v1.ParseTemplateRequest(text="name: reads # why\n"),
        v1.GetTemplateRequest(project="default", name="reads"),
        v1.CreateTemplateRequest(project="default", name="reads", spec=SPEC, source="name: reads # why\n"),
        v1.CreateRunRequest(project="default", template="reads", template_version=1),
    ]
    stored = v1.GetTemplateResponse(template=template(4))
    update = v1.UpdateTemplateResponse(template=template(5))
    _, requests = played(_steps.start(Start("name: reads\n")), PARSED, stored, update, CREATED, OK)
    assert requests[2:4] == [
        v1.UpdateTemplateRequest(project="default", name="reads", spec=SPEC, etag="e4", source="name: reads\n"),
        v1.CreateRunRequest(project="default", template="reads", template_version=5),
    ]


def test_a_very_long_file_is_not_kept() -> None:
    stored = v1.GetTemplateResponse(template=template(4))
    update = v1.UpdateTemplateResponse(template=template(5))
    for text, source in [("é" * 131072, "é" * 131072), ("é" * 131072 + " ", "")]:
        _, requests = played(_steps.apply(text, None), PARSED, stored, update)
        assert requests[2] == v1.UpdateTemplateRequest(
            project="default", name="reads", spec=SPEC, etag="e4", source=source
        )


def test_a_path_is_read(tmp_path: Path) -> None:
    file = tmp_path / "reads.yaml"
    file.write_text("name: reads # ü\n", "utf-8")
    stored = v1.GetTemplateResponse(template=template(1))
    update = v1.UpdateTemplateResponse(template=template(1))
    _, requests = played(_steps.start(Start(file)), PARSED, stored, update, CREATED, OK)
    assert requests[0] == v1.ParseTemplateRequest(text="name: reads # ü\n")


def test_faults_of_a_text_are_told_with_their_places() -> None:
    parsed = v1.ParseTemplateResponse(
        faults=[v1.TemplateFault(line=3, column=5, field="load", message="is missing"), v1.TemplateFault(message="is empty")]
    )
    with pytest.raises(errors.FaultyTemplate) as faulty:
        played(_steps.start(Start("name: ")), parsed)
    assert faulty.value.faults == (Fault(3, 5, "load", "is missing"), Fault(0, 0, "", "is empty"))
    assert str(faulty.value) == "the template is wrong:\n  3:5: load: is missing\n  is empty"


@pytest.mark.parametrize(
    ("parsed", "project", "sentence"),
    [
        (v1.ParseTemplateResponse(name="a", project="x", spec=SPEC), "y", "project: the file says x and the caller says y"),
        (v1.ParseTemplateResponse(spec=SPEC), None, "name: is missing"),
    ],
)
def test_a_text_that_cannot_be_placed(parsed: v1.ParseTemplateResponse, project: str | None, sentence: str) -> None:
    with pytest.raises(errors.FaultyTemplate, match=sentence):
        played(_steps.apply("x: y", project), parsed)


def test_the_run_that_was_not_started_comes_with_the_error_and_can_be_started() -> None:
    held = errors.NotAcknowledged("held", [Finding("NO_INDEX", "t is scanned")])
    with pytest.raises(errors.NotAcknowledged) as refused:
        played(_steps.start(Start("reads")), CREATED, held)
    assert refused.value.run == PREPARED
    again = Start(refused.value.run, acknowledge=refused.value.codes)
    run, requests = played(_steps.start(again), OK)
    assert (run, requests) == (STARTED, [v1.StartRunRequest(run_id="r", acknowledged_findings=["NO_INDEX"])])


def test_a_run_without_a_report_says_why_it_ended() -> None:
    run = v1.Run(name="a", status=v1.RunStatus.FAILED, stop_message="no worker", processing=v1.ProcessingStatus.SKIPPED)
    with pytest.raises(errors.NoReport) as none:
        played(_steps.report(run))
    assert str(none.value) == "run a ended as FAILED without a report: no worker"
    done = v1.Run(run_id="r", processing=v1.ProcessingStatus.COMPLETED)
    answer = v1.GetReportResponse(report=v1.Report(run_id="r"))
    ended, requests = played(_steps.report(done), answer)
    assert ended == (done, v1.Report(run_id="r")) and requests == [v1.GetReportRequest(run_id="r")]
    with pytest.raises(errors.NoReport):
        played(_steps.report(done), v1.GetReportResponse())


def test_a_path_is_no_text() -> None:
    with pytest.raises(errors.FaultyTemplate, match=r'"first.yaml" is neither .* for a file give Path\("first.yaml"\)'):
        played(_steps.start(Start("first.yaml")))


@pytest.mark.parametrize(
    ("version", "fits"), [("0.1.0", True), ("0.1.7", True), ("0.2.0", False), ("1.1.0", False), ("", False)]
)
def test_the_same_minor_version_fits(version: str, fits: bool) -> None:
    answer = v1.GetServerResponse(server=v1.Server(version=version))
    if fits:
        assert played(_steps.check(), answer)[0].version == version
    else:
        with pytest.raises(errors.OtherVersion, match="use the same version of both"):
            played(_steps.check(), answer)


@pytest.mark.parametrize(
    ("status", "report", "code"),
    [
        (S.COMPLETED, (V.VALID, J.PASS), 0),
        (S.COMPLETED, (V.VALID, J.UNSPECIFIED), 0),
        (S.COMPLETED, (V.VALID, J.FAIL), 2),
        (S.COMPLETED, (V.VALID, J.INCONCLUSIVE), 3),
        (S.COMPLETED, (V.INVALID, J.PASS), 4),
        (S.COMPLETED, (V.INVALID, J.FAIL), 4),
        (S.COMPLETED, (V.UNSPECIFIED, J.PASS), 4),
        (S.COMPLETED, None, 1),
        (S.STOPPED, (V.VALID, J.PASS), 0),
        (S.STOPPED, (V.VALID, J.FAIL), 2),
        (S.FAILED, (V.VALID, J.PASS), 1),
        (S.FAILED, None, 1),
        (S.CANCELLED, (V.VALID, J.PASS), 5),
        (S.CANCELLED, None, 5),
        (S.RUNNING, None, 1),
    ],
)
def test_exit_codes_are_those_of_the_command_line(status: S, report: tuple[V, J] | None, code: int) -> None:
    made = None if report is None else v1.Report(validity=report[0], verdict=report[1])
    assert exit_code(v1.Run(status=status), made) == code
