package gauntlet

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
	"gauntlet/client/gen/gauntlet/v1/gauntletv1connect"
)

const (
	// unaryTimeout is how long a call may take whose context does not say it.
	// Streams have no deadline but silence.
	unaryTimeout = 60 * time.Second
	// versionTimeout is how long the control plane may take to say its version.
	versionTimeout = 2 * time.Second
)

// explainer is what every call goes through: who calls, a deadline, and errors
// that are sentences.
type explainer struct {
	url, token string
	server     gauntletv1connect.ServerServiceClient
}

// WrapUnary is part of [connect.Interceptor].
func (e *explainer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		e.identify(request.Header())
		if _, has := ctx.Deadline(); !has {
			limited, cancel := context.WithTimeout(ctx, unaryTimeout)
			defer cancel()
			ctx = limited
		}
		response, err := next(ctx, request)
		if err != nil {
			return nil, e.explain(ctx, err, request.Spec(), false)
		}
		return response, nil
	}
}

// WrapStreamingClient is part of [connect.Interceptor].
func (e *explainer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		e.identify(conn.RequestHeader())
		return &explainedConn{StreamingClientConn: conn, ctx: ctx, explainer: e}
	}
}

// WrapStreamingHandler is part of [connect.Interceptor]; a client has no handlers.
func (e *explainer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (e *explainer) identify(header http.Header) {
	if e.token != "" {
		header.Set("Authorization", "Bearer "+e.token)
	}
}

func (e *explainer) explain(ctx context.Context, err error, spec connect.Spec, begun bool) error {
	parts := strings.Split(strings.TrimPrefix(spec.Procedure, "/gauntlet.v1."), "/")
	call := about{url: e.url, method: strings.Join(parts, "."), begun: begun, hasToken: e.token != ""}
	explained := explain(err, call)
	if explained.Kind == KindVersion && spec.Procedure != gauntletv1connect.ServerServiceGetServerProcedure {
		call.serverVersion = e.serverVersion(ctx)
		explained = explain(err, call)
	}
	return explained
}

// serverVersion is empty when the control plane is too old to say it.
func (e *explainer) serverVersion(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	answer, err := e.server.GetServer(ctx, connect.NewRequest(&gauntletv1.GetServerRequest{}))
	if err != nil {
		return ""
	}
	return answer.Msg.GetServer().GetVersion()
}

// explainedConn is a stream whose errors are sentences.
type explainedConn struct {
	connect.StreamingClientConn
	ctx       context.Context
	explainer *explainer
	begun     bool
}

func (c *explainedConn) Send(message any) error {
	return c.explained(c.StreamingClientConn.Send(message))
}

func (c *explainedConn) Receive(message any) error {
	err := c.StreamingClientConn.Receive(message)
	if err == nil {
		c.begun = true
	}
	return c.explained(err)
}

func (c *explainedConn) explained(err error) error {
	// The end of a stream is no trouble; connect knows it by this error.
	if err == nil || errors.Is(err, io.EOF) && connect.CodeOf(err) == connect.CodeUnknown {
		return err
	}
	return c.explainer.explain(c.ctx, err, c.Spec(), c.begun)
}
