package gauntlet

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

// failed makes a call and gives what it failed with.
func failed(t *testing.T, ctx context.Context, client *Client) *Error {
	t.Helper()
	_, err := client.Runs.GetRun(ctx, connect.NewRequest(&gauntletv1.GetRunRequest{RunId: runID}))
	var explained *Error
	if !errors.As(err, &explained) {
		t.Fatalf("not explained: %v", err)
	}
	return explained
}

func TestAKindIsAWord(t *testing.T) {
	for kind, word := range map[Kind]string{KindRefused: "refused", KindToken: "token", 7: "Kind(7)", -1: "Kind(-1)"} {
		if kind.String() != word {
			t.Errorf("%d is %s, not %s", int(kind), kind, word)
		}
	}
}

func TestWhatAControlPlaneAnswersIsASentenceWithAWayOut(t *testing.T) {
	cases := []struct {
		code      connect.Code
		message   string
		token     string
		version   string
		kind      Kind
		retryable bool
		sentence  string
	}{
		{connect.CodeNotFound, "there is no run x", "", "", KindRefused, false, "there is no run x; look for it with: gauntlet list"},
		{connect.CodeUnauthenticated, "", "", "", KindToken, false, "asks for a token; give it one, with WithToken"},
		{connect.CodeUnauthenticated, "", "old", "", KindToken, false, "is wrong or has expired; ask who runs it for a new one"},
		{connect.CodePermissionDenied, "a viewer may not start", "", "", KindRefused, false, "a viewer may not start; ask who runs the control plane"},
		{connect.CodeUnimplemented, "", "", "", KindVersion, false, "is of another version and does not know RunService.GetRun; this client is " + Version},
		{connect.CodeUnimplemented, "", "", "7.0.0", KindVersion, false, "is gauntlet 7.0.0 and does not know RunService.GetRun"},
		{connect.CodeUnavailable, "the store is away", "", "", KindRefused, true, "the store is away"},
		{connect.CodeFailedPrecondition, "", "", "", KindRefused, false, "the control plane answered: failed precondition"},
	}
	for _, protocol := range []Protocol{ProtocolConnect, ProtocolGRPC, ProtocolGRPCWeb} {
		for _, c := range cases {
			answer := connect.NewError(c.code, errors.New(c.message))
			served := &plane{version: c.version, getRun: func() (*gauntletv1.Run, error) { return nil, answer }}
			err := failed(t, t.Context(), serve(t, served, WithToken(c.token), WithProtocol(protocol)))
			if err.Kind != c.kind || err.Code != c.code || err.Retryable != c.retryable || !strings.Contains(err.Error(), c.sentence) {
				t.Errorf("protocol %d, %v: %d, %v, %v", protocol, c.code, err.Kind, err.Retryable, err)
			}
		}
	}
}

func TestFieldsThatAreWrongAreAList(t *testing.T) {
	detail, err := connect.NewErrorDetail(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "labels", Description: "are too many"},
		{Description: "too much"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	answer := connect.NewError(connect.CodeInvalidArgument, errors.New("first"))
	answer.AddDetail(detail)
	wrong := failed(t, t.Context(), serve(t, &plane{getRun: func() (*gauntletv1.Run, error) { return nil, answer }}))
	if wrong.Error() != "2 fields are wrong:\n  labels: are too many\n  too much" || wrong.Violations[0].Field != "labels" {
		t.Fatalf("%v %v", wrong, wrong.Violations)
	}
}

func TestWhereNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	_ = listener.Close()
	for _, protocol := range []Protocol{ProtocolConnect, ProtocolGRPC, ProtocolGRPCWeb} {
		err := failed(t, t.Context(), connected(t, url, WithProtocol(protocol)))
		if err.Kind != KindUnreachable || !err.Retryable || err.Error() != "no control plane answers at "+url+"; start one with: gauntlet up" {
			t.Errorf("protocol %d: %v", protocol, err)
		}
	}
}

func TestAWebPageIsNoControlPlane(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusServiceUnavailable} {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
		}))
		t.Cleanup(page.Close)
		// A proxy in front of a control plane that is away says 503.
		wanted := KindNotGauntlet
		if status == http.StatusServiceUnavailable {
			wanted = KindUnreachable
		}
		for _, protocol := range []Protocol{ProtocolConnect, ProtocolGRPCWeb} {
			client := connected(t, page.URL, WithProtocol(protocol))
			if err := failed(t, t.Context(), client); err.Kind != wanted {
				t.Errorf("status %d, protocol %d: %v", status, protocol, err)
			}
		}
		// HTTP/2 sees an answer of HTTP/1.1, or only that the connection is closed.
		err := failed(t, t.Context(), connected(t, page.URL, WithProtocol(ProtocolGRPC)))
		if err.Kind != KindNotGauntlet && err.Kind != KindLost {
			t.Errorf("status %d, gRPC: %v", status, err)
		}
	}
}

func TestWithoutTLSOrAnAuthority(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.EnableHTTP2 = true
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, protocol := range []Protocol{ProtocolConnect, ProtocolGRPC, ProtocolGRPCWeb} {
		for url, wanted := range map[string]string{
			strings.Replace(plain.URL, "http", "https", 1): "does not speak TLS; use http instead of https",
			secure.URL: "name its authority's certificate, with WithTLS",
		} {
			err := failed(t, t.Context(), connected(t, url, WithProtocol(protocol)))
			if err.Kind != KindUnreachable || err.Retryable || !strings.Contains(err.Error(), wanted) {
				t.Errorf("protocol %d, %s: %v", protocol, url, err)
			}
		}
	}
}

func TestADeadlineEndsACall(t *testing.T) {
	ended := make(chan struct{})
	client := serve(t, &plane{getRun: func() (*gauntletv1.Run, error) { <-ended; return nil, nil }})
	// The server, which is closed after this, waits for its calls.
	t.Cleanup(func() { close(ended) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := failed(t, ctx, client); err.Kind != KindLost || !strings.Contains(err.Error(), "did not answer in time; try again") {
		t.Fatal(err)
	}
}

func TestAddresses(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8090", "localhost", "ftp://host", "http://", "https://", "http://:8090"} {
		_, err := Connect(url)
		wanted := `"` + url + `" is not the address of a control plane; give one like http://127.0.0.1:8090`
		if err == nil || err.Error() != wanted {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"http://127.0.0.1:8090", "http://localhost:8090/", "http://[::1]:8090", "https://bench.example"} {
		if _, err := Connect(url, WithToken("secret")); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"http://bench.example:8090", "http://127.0.0.1.example", "http://10.0.0.1:8090"} {
		if _, err := Connect(url); err != nil {
			t.Error(err)
		}
		_, err := Connect(url, WithToken("secret"))
		if err == nil || !strings.Contains(err.Error(), "everybody on the way could read the token; use https") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
