"""What takes several calls, free of io: a generator yields calls and is sent their answers, or thrown their errors."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import uuid4

from protobuf import Message

from .errors import Fault, FaultyTemplate, NoReport, NotAcknowledged, NotFound, OtherVersion
from ._version import VERSION
from .gen.gauntlet.v1.run_pb import ProcessingStatus, Report, Run
from .gen.gauntlet.v1.run_service_pb import (
    CreateRunRequest,
    CreateRunResponse,
    GetReportRequest,
    GetReportResponse,
    StartRunRequest,
    StartRunResponse,
)
from .gen.gauntlet.v1.server_service_pb import GetServerRequest, GetServerResponse, Server
from .gen.gauntlet.v1.template_pb import Template, TemplateSpec
from .gen.gauntlet.v1.template_service_pb import (
    CreateTemplateRequest,
    CreateTemplateResponse,
    GetTemplateRequest,
    GetTemplateResponse,
    ParseTemplateRequest,
    ParseTemplateResponse,
    UpdateTemplateRequest,
    UpdateTemplateResponse,
)

DEFAULT_PROJECT: Final = "default"
# The longest file that the control plane keeps beside what it says, bytes.
_LONGEST_SOURCE: Final = 256 << 10
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One call of one of the services."""

    service: Literal["runs", "templates", "server"]
    method: str
    request: Message[Any]


Steps = Generator[Call, Any, T]


@dataclass(frozen=True)
class Start:
    """What to start."""

    source: str | Path | Run
    """A run that is PREPARED; the name of a template; the path of a template file; or the text of one."""
    project: str | None = None
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    acknowledge: Iterable[str] = ()


def start(what: Start) -> Steps[Run]:
    """Creates or updates the template, creates the run and starts it."""
    run = what.source if isinstance(what.source, Run) else (yield from _create(what.source, what))
    acknowledged = list(what.acknowledge)
    try:
        request = StartRunRequest(run_id=run.run_id, acknowledged_findings=acknowledged)
        started: StartRunResponse = yield Call("runs", "start_run", request)
    except NotAcknowledged as error:
        error.run = run
        raise
    return started.run or run


def _create(source: str | Path, what: Start) -> Steps[Run]:
    if isinstance(source, str) and _NAME.fullmatch(source):
        project, name, version = what.project or DEFAULT_PROJECT, source, 0
    else:
        text = source.read_text("utf-8") if isinstance(source, Path) else not_a_path(source)
        template = yield from apply(text, what.project)
        project, name, version = template.project, template.name, template.version
    created: CreateRunResponse = yield Call(
        "runs",
        "create_run",
        CreateRunRequest(
            request_id=str(uuid4()),
            project=project,
            template=name,
            # What was written is what runs, even when a newer version came meanwhile.
            template_version=version,
            name=what.name,
            labels=dict(what.labels),
        ),
    )
    return created.run or Run()


def not_a_path(text: str) -> str:
    """Raises for the path of a file in place of its text."""
    if "\n" not in text and text.endswith((".yaml", ".yml")):
        message = f'"{text}" is neither the name of a template nor the text of a file; for a file give Path("{text}")'
        raise FaultyTemplate([Fault(0, 0, "", message)])
    return text


def apply(text: str, given_project: str | None) -> Steps[Template]:
    """Creates the template of a file, or makes its next version; a file that says what the newest version says changes
    nothing."""
    parsed: ParseTemplateResponse = yield Call("templates", "parse_template", ParseTemplateRequest(text=text))
    faults = [Fault(fault.line, fault.column, fault.field, fault.message) for fault in parsed.faults]
    if given_project and parsed.project and parsed.project != given_project:
        message = f"the file says {parsed.project} and the caller says {given_project}; leave one of them out"
        faults.append(Fault(0, 0, "project", message))
    if parsed.spec is not None and not parsed.name and not faults:
        faults.append(Fault(0, 0, "name", "is missing; give the template a name like point-reads"))
    if faults or parsed.spec is None:
        raise FaultyTemplate(faults)
    project = parsed.project or given_project or DEFAULT_PROJECT
    # The control plane keeps the file as it was written, unless it is very long.
    source = text if len(text.encode()) <= _LONGEST_SOURCE else ""
    return (yield from _write(project, parsed.name, parsed.spec, source))


def _write(project: str, name: str, spec: TemplateSpec, source: str) -> Steps[Template]:
    try:
        stored: GetTemplateResponse = yield Call("templates", "get_template", GetTemplateRequest(project=project, name=name))
    except NotFound:
        request = CreateTemplateRequest(
            request_id=str(uuid4()), project=project, name=name, spec=spec, source=source
        )
        created: CreateTemplateResponse = yield Call("templates", "create_template", request)
        return created.template or Template()
    etag = stored.template.etag if stored.template else ""
    update = UpdateTemplateRequest(project=project, name=name, spec=spec, etag=etag, source=source)
    updated: UpdateTemplateResponse = yield Call("templates", "update_template", update)
    return updated.template or Template()


class Ended(NamedTuple):
    """A run that is over, with its report."""

    run: Run
    """As it ended."""
    report: Report


def report(run: Run) -> Steps[Ended]:
    """The report of a run that is over."""
    if run.processing is not ProcessingStatus.COMPLETED:
        raise NoReport(run)
    response: GetReportResponse = yield Call("runs", "get_report", GetReportRequest(run_id=run.run_id))
    if response.report is None:
        raise NoReport(run)
    return Ended(response.run or run, response.report)


def check() -> Steps[Server]:
    """Who serves. Raises when it is of another minor version than this package."""
    response: GetServerResponse = yield Call("server", "get_server", GetServerRequest())
    server = response.server or Server()
    if server.version.split(".")[:2] != VERSION.split(".")[:2]:
        raise OtherVersion(
            f"the control plane is gauntlet {server.version}, this package is made for {VERSION}; use the same version of both"
        )
    return server
