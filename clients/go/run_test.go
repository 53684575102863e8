package gauntlet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

func (p *plane) called(format string, arguments ...any) {
	p.calls = append(p.calls, fmt.Sprintf(format, arguments...))
}

func (p *plane) ParseTemplate(_ context.Context, request *connect.Request[gauntletv1.ParseTemplateRequest]) (*connect.Response[gauntletv1.ParseTemplateResponse], error) {
	p.called("parse %s", request.Msg.GetText())
	return connect.NewResponse(&gauntletv1.ParseTemplateResponse{
		Name: "lookups", Spec: &gauntletv1.TemplateSpec{}, Faults: p.faults,
	}), nil
}

func (p *plane) UpdateTemplate(_ context.Context, request *connect.Request[gauntletv1.UpdateTemplateRequest]) (*connect.Response[gauntletv1.UpdateTemplateResponse], error) {
	p.called("update %s/%s from %q", request.Msg.GetProject(), request.Msg.GetName(), request.Msg.GetSource())
	if !p.isStored {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no template lookups"))
	}
	return connect.NewResponse(&gauntletv1.UpdateTemplateResponse{
		Template: &gauntletv1.Template{Project: request.Msg.GetProject(), Name: request.Msg.GetName(), Version: 7},
	}), nil
}

func (p *plane) CreateTemplate(_ context.Context, request *connect.Request[gauntletv1.CreateTemplateRequest]) (*connect.Response[gauntletv1.CreateTemplateResponse], error) {
	p.called("create %s/%s from %q", request.Msg.GetProject(), request.Msg.GetName(), request.Msg.GetSource())
	return connect.NewResponse(&gauntletv1.CreateTemplateResponse{
		Template: &gauntletv1.Template{Project: request.Msg.GetProject(), Name: request.Msg.GetName(), Version: 1},
	}), nil
}

func (p *plane) CreateRun(_ context.Context, request *connect.Request[gauntletv1.CreateRunRequest]) (*connect.Response[gauntletv1.CreateRunResponse], error) {
	p.called("run %s/%s@%d %v", request.Msg.GetProject(), request.Msg.GetTemplate(), request.Msg.GetTemplateVersion(), request.Msg.GetLabels())
	return connect.NewResponse(&gauntletv1.CreateRunResponse{Run: &gauntletv1.Run{RunId: runID}}), nil
}

func (p *plane) PreflightRun(context.Context, *connect.Request[gauntletv1.PreflightRunRequest]) (*connect.Response[gauntletv1.PreflightRunResponse], error) {
	return connect.NewResponse(&gauntletv1.PreflightRunResponse{Findings: p.findings}), nil
}

func (p *plane) StartRun(_ context.Context, request *connect.Request[gauntletv1.StartRunRequest]) (*connect.Response[gauntletv1.StartRunResponse], error) {
	p.called("start %s", strings.Join(request.Msg.GetAcknowledgedFindings(), ","))
	return connect.NewResponse(&gauntletv1.StartRunResponse{Run: &gauntletv1.Run{RunId: runID}}), nil
}

func (p *plane) DeleteRun(context.Context, *connect.Request[gauntletv1.DeleteRunRequest]) (*connect.Response[gauntletv1.DeleteRunResponse], error) {
	p.called("delete")
	return connect.NewResponse(&gauntletv1.DeleteRunResponse{}), nil
}

func finding(severity gauntletv1.Severity) []*gauntletv1.PreflightFinding {
	return []*gauntletv1.PreflightFinding{
		{Code: "CONNECTIONS_SHORT", Severity: severity, Message: "8 of 100 connections are free"},
		{Code: "SHORT", Severity: gauntletv1.Severity_SEVERITY_WARNING, Message: "the measurement is short"},
	}
}

func TestStartRun(t *testing.T) {
	severe := finding(gauntletv1.Severity_SEVERITY_SEVERE)
	blocking := finding(gauntletv1.Severity_SEVERITY_BLOCKING)
	faults := []*gauntletv1.TemplateFault{{Line: 3, Column: 5, Field: "operations[0].weight", Message: "must be greater than 0"}}
	held := "mend it, or start with Acknowledge: CONNECTIONS_SHORT:\n  CONNECTIONS_SHORT: 8 of 100 connections are free"
	cases := []struct {
		name    string
		played  plane
		options StartOptions
		calls   []string
		err     string
	}{
		{
			"of a new template", plane{}, StartOptions{YAML: "x # why", Labels: map[string]string{"a": "b"}},
			[]string{"parse x # why", `update default/lookups from "x # why"`, `create default/lookups from "x # why"`, "run default/lookups@1 map[a:b]", "start "}, "",
		},
		{
			// The file is that of another template: what it says is stored, not the file.
			"of a stored template's next version", plane{isStored: true}, StartOptions{YAML: "x", Template: "mine", Project: "acme"},
			[]string{"parse x", `update acme/mine from ""`, "run acme/mine@7 map[]", "start "}, "",
		},
		{"by name", plane{}, StartOptions{Template: "mine", Version: 3}, []string{"run default/mine@3 map[]", "start "}, ""},
		{"of nothing", plane{}, StartOptions{}, nil, "name a template, or give the text of one as YAML"},
		{
			"of a bad template", plane{faults: faults}, StartOptions{YAML: "x"}, []string{"parse x"},
			"the template cannot be used:\n  line 3, column 5: operations[0].weight: must be greater than 0",
		},
		{
			"not acknowledged", plane{findings: severe}, StartOptions{Template: "mine", Acknowledge: []string{"OTHER"}},
			[]string{"run default/mine@0 map[]", "delete"}, "not started; " + held,
		},
		{
			"acknowledged", plane{findings: severe}, StartOptions{Template: "mine", Acknowledge: []string{"CONNECTIONS_SHORT"}},
			[]string{"run default/mine@0 map[]", "start CONNECTIONS_SHORT"}, "",
		},
		{
			"all acknowledged", plane{findings: severe}, StartOptions{Template: "mine", AcknowledgeAll: true},
			[]string{"run default/mine@0 map[]", "start CONNECTIONS_SHORT"}, "",
		},
		{
			"blocked", plane{findings: blocking}, StartOptions{Template: "mine", AcknowledgeAll: true},
			[]string{"run default/mine@0 map[]", "delete"},
			"not started; mend it, then start again:\n  CONNECTIONS_SHORT: 8 of 100 connections are free",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := serve(t, &c.played).StartRun(t.Context(), c.options)
			var said string
			if err != nil {
				said = err.Error()
			}
			if said != c.err || !slices.Equal(c.played.calls, c.calls) {
				t.Fatalf("%v\n%q", err, c.played.calls)
			}
		})
	}
}

func TestErrorsOfAStartAreTypes(t *testing.T) {
	var explained *Error
	held := serve(t, &plane{findings: finding(gauntletv1.Severity_SEVERITY_SEVERE)})
	_, err := held.StartRun(t.Context(), StartOptions{Template: "mine"})
	var findings *FindingsError
	if !errors.As(err, &findings) || len(findings.Findings) != 1 || !errors.As(err, &explained) {
		t.Fatal(err)
	}
	faulty := serve(t, &plane{faults: []*gauntletv1.TemplateFault{{Message: "empty"}}})
	_, err = faulty.StartRun(t.Context(), StartOptions{YAML: "x"})
	var template *TemplateError
	if !errors.As(err, &template) || len(template.Faults) != 1 || !errors.As(err, &explained) {
		t.Fatal(err)
	}
}

// ended is a plane whose run is over.
func ended(run *gauntletv1.Run) *plane {
	run.Name = "demo-1"
	return &plane{
		report: &gauntletv1.Report{Verdict: gauntletv1.Verdict_VERDICT_PASS},
		watchRun: func(_ int64, send func(*gauntletv1.WatchRunResponse)) error {
			send(&gauntletv1.WatchRunResponse{Update: &gauntletv1.WatchRunResponse_Run{Run: run}})
			return nil
		},
	}
}

func TestAReportComesWhenItsRunIsOver(t *testing.T) {
	client := serve(t, ended(&gauntletv1.Run{
		Status:     gauntletv1.RunStatus_RUN_STATUS_COMPLETED,
		Processing: gauntletv1.ProcessingStatus_PROCESSING_STATUS_COMPLETED,
	}))
	run, report, err := client.WaitForReport(t.Context(), runID)
	if err != nil || run.GetName() != "demo-1" || report.GetVerdict() != gauntletv1.Verdict_VERDICT_PASS {
		t.Fatal(run, report, err)
	}
}

func TestARunWithoutAReportSaysWhy(t *testing.T) {
	cases := map[string]*gauntletv1.Run{
		"run demo-1 failed: the target is away; it has no report: no load was sent": {
			Status:      gauntletv1.RunStatus_RUN_STATUS_FAILED,
			Processing:  gauntletv1.ProcessingStatus_PROCESSING_STATUS_SKIPPED,
			StopMessage: "the target is away",
		},
		"run demo-1 cancelled: user abort; its report could not be made; try again with RunService.RetryProcessing": {
			Status:     gauntletv1.RunStatus_RUN_STATUS_CANCELLED,
			Processing: gauntletv1.ProcessingStatus_PROCESSING_STATUS_FAILED,
			StopReason: gauntletv1.StopReason_STOP_REASON_USER_ABORT,
		},
	}
	for sentence, run := range cases {
		_, _, err := serve(t, ended(run)).WaitForReport(t.Context(), runID)
		var missing *NoReportError
		if !errors.As(err, &missing) || err.Error() != sentence {
			t.Errorf("%v", err)
		}
	}
}

func TestExitCode(t *testing.T) {
	valid, invalid := gauntletv1.Validity_VALIDITY_VALID, gauntletv1.Validity_VALIDITY_INVALID
	pass, fail := gauntletv1.Verdict_VERDICT_PASS, gauntletv1.Verdict_VERDICT_FAIL
	completed, stopped := gauntletv1.RunStatus_RUN_STATUS_COMPLETED, gauntletv1.RunStatus_RUN_STATUS_STOPPED
	cases := []struct {
		status gauntletv1.RunStatus
		report *gauntletv1.Report
		code   int
	}{
		{completed, &gauntletv1.Report{Validity: valid, Verdict: pass}, 0},
		{completed, &gauntletv1.Report{Validity: valid}, 0},
		{stopped, &gauntletv1.Report{Validity: valid, Verdict: fail}, 2},
		{completed, &gauntletv1.Report{Validity: valid, Verdict: gauntletv1.Verdict_VERDICT_INCONCLUSIVE}, 3},
		{completed, &gauntletv1.Report{Validity: invalid, Verdict: fail}, 4},
		{completed, &gauntletv1.Report{Verdict: pass}, 4},
		{completed, nil, 1},
		{gauntletv1.RunStatus_RUN_STATUS_FAILED, &gauntletv1.Report{Validity: valid, Verdict: pass}, 1},
		{gauntletv1.RunStatus_RUN_STATUS_CANCELLED, nil, 5},
	}
	for _, c := range cases {
		if code := ExitCode(&gauntletv1.Run{Status: c.status}, c.report); code != c.code {
			t.Errorf("%v %v: %d", c.status, c.report, code)
		}
	}
}
