package gauntlet

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
	"gauntlet/client/gen/gauntlet/v1/gauntletv1connect"
)

const runID = "0198f4c2-0000-7000-8000-000000000001"

// plane plays a control plane as a test scripts it.
type plane struct {
	gauntletv1connect.UnimplementedRunServiceHandler
	gauntletv1connect.UnimplementedTemplateServiceHandler
	gauntletv1connect.UnimplementedServerServiceHandler

	watchRun func(after int64, send func(*gauntletv1.WatchRunResponse)) error
	metrics  func(afterUs int64, send func(*gauntletv1.StreamMetricsResponse)) error
	getRun   func() (*gauntletv1.Run, error)
	report   *gauntletv1.Report
	version  string

	// What startRun needs, and what it called.
	faults   []*gauntletv1.TemplateFault
	findings []*gauntletv1.PreflightFinding
	isStored bool
	calls    []string
}

// serve starts the plane and gives a client of it that is quick to try again.
func serve(t *testing.T, played *plane, options ...Option) *Client {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(gauntletv1connect.NewRunServiceHandler(played))
	mux.Handle(gauntletv1connect.NewTemplateServiceHandler(played))
	mux.Handle(gauntletv1connect.NewServerServiceHandler(played))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return connected(t, server.URL, options...)
}

func connected(t *testing.T, url string, options ...Option) *Client {
	t.Helper()
	client, err := Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	client.pace.shortest, client.pace.longest = time.Millisecond, time.Millisecond
	return client
}

func (p *plane) WatchRun(_ context.Context, request *connect.Request[gauntletv1.WatchRunRequest], stream *connect.ServerStream[gauntletv1.WatchRunResponse]) error {
	return p.watchRun(request.Msg.GetOptions().GetResumeFromRevision(), func(message *gauntletv1.WatchRunResponse) {
		_ = stream.Send(message)
	})
}

func (p *plane) StreamMetrics(_ context.Context, request *connect.Request[gauntletv1.StreamMetricsRequest], stream *connect.ServerStream[gauntletv1.StreamMetricsResponse]) error {
	return p.metrics(request.Msg.GetAfterUs(), func(message *gauntletv1.StreamMetricsResponse) {
		_ = stream.Send(message)
	})
}

func (p *plane) GetRun(context.Context, *connect.Request[gauntletv1.GetRunRequest]) (*connect.Response[gauntletv1.GetRunResponse], error) {
	run, err := p.getRun()
	return connect.NewResponse(&gauntletv1.GetRunResponse{Run: run}), err
}

func (p *plane) GetReport(context.Context, *connect.Request[gauntletv1.GetReportRequest]) (*connect.Response[gauntletv1.GetReportResponse], error) {
	return connect.NewResponse(&gauntletv1.GetReportResponse{Report: p.report}), nil
}

func (p *plane) GetServer(context.Context, *connect.Request[gauntletv1.GetServerRequest]) (*connect.Response[gauntletv1.GetServerResponse], error) {
	if p.version == "" {
		return nil, connect.NewError(connect.CodeUnimplemented, nil)
	}
	return connect.NewResponse(&gauntletv1.GetServerResponse{Server: &gauntletv1.Server{Version: p.version}}), nil
}
