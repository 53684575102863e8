package gauntlet

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"gauntlet/client/gen/gauntlet/v1/gauntletv1connect"
)

// dialTimeout is how long a connection may take to open.
const dialTimeout = 5 * time.Second

// Protocol is how a client speaks with a control plane.
type Protocol int

const (
	// ProtocolConnect is Connect with binary messages over HTTP/1.1 or, with
	// TLS, HTTP/2.
	ProtocolConnect Protocol = iota
	// ProtocolGRPC is gRPC over HTTP/2.
	ProtocolGRPC
	// ProtocolGRPCWeb is gRPC-Web.
	ProtocolGRPCWeb
)

// Client is one control plane. It may be used by many goroutines.
type Client struct {
	// Runs creates, starts, watches, ends and reads runs.
	Runs gauntletv1connect.RunServiceClient
	// Templates are the benchmark descriptions.
	Templates gauntletv1connect.TemplateServiceClient
	// Targets are the databases under test.
	Targets gauntletv1connect.TargetServiceClient
	// Workers are the processes that send the load.
	Workers gauntletv1connect.WorkerServiceClient
	// Server is the control plane itself.
	Server gauntletv1connect.ServerServiceClient

	pace pace
}

// Option changes how [Connect] speaks.
type Option func(*settings)

type settings struct {
	protocol Protocol
	token    string
	tls      *tls.Config
	http     connect.HTTPClient
}

// WithProtocol chooses the protocol; [ProtocolConnect] without it.
func WithProtocol(protocol Protocol) Option {
	return func(s *settings) { s.protocol = protocol }
}

// WithToken says who calls. A token is not sent in the clear to another machine.
func WithToken(token string) Option {
	return func(s *settings) { s.token = token }
}

// WithTLS says whom to trust at an https address, and who calls.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = config }
}

// WithHTTPClient sends the calls through a client of one's own; [WithTLS] is
// then its business.
func WithHTTPClient(client connect.HTTPClient) Option {
	return func(s *settings) { s.http = client }
}

// Connect gives the control plane at an address like http://127.0.0.1:8090. No
// connection is opened before the first call. It fails with an [*Error] when the
// address cannot be used.
func Connect(address string, options ...Option) (*Client, error) {
	var chosen settings
	for _, option := range options {
		option(&chosen)
	}
	base, err := checked(address, chosen.token)
	if err != nil {
		return nil, err
	}
	if chosen.http == nil {
		chosen.http = chosen.newHTTPClient()
	}
	explaining := &explainer{url: address, token: chosen.token}
	with := []connect.ClientOption{connect.WithInterceptors(explaining)}
	switch chosen.protocol {
	case ProtocolGRPC:
		with = append(with, connect.WithGRPC())
	case ProtocolGRPCWeb:
		with = append(with, connect.WithGRPCWeb())
	case ProtocolConnect:
	}
	client := &Client{
		Runs:      gauntletv1connect.NewRunServiceClient(chosen.http, base, with...),
		Templates: gauntletv1connect.NewTemplateServiceClient(chosen.http, base, with...),
		Targets:   gauntletv1connect.NewTargetServiceClient(chosen.http, base, with...),
		Workers:   gauntletv1connect.NewWorkerServiceClient(chosen.http, base, with...),
		Server:    gauntletv1connect.NewServerServiceClient(chosen.http, base, with...),
		pace:      defaultPace,
	}
	explaining.server = client.Server
	return client, nil
}

func (s *settings) newHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       dialer.DialContext,
		TLSClientConfig:   s.tls,
		ForceAttemptHTTP2: true,
		IdleConnTimeout:   90 * time.Second,
	}
	if s.protocol == ProtocolGRPC {
		// gRPC is HTTP/2 without TLS, too.
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return &http.Client{Transport: transport}
}

// checked gives the address without a slash at its end.
func checked(address, token string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return "", &Error{
			Kind:    KindBadAddress,
			Code:    connect.CodeInvalidArgument,
			message: quoted(address) + " is not the address of a control plane; give one like http://127.0.0.1:8090",
		}
	}
	if token != "" && parsed.Scheme == "http" && !isLoopback(parsed.Hostname()) {
		return "", &Error{
			Kind:    KindBadAddress,
			Code:    connect.CodeInvalidArgument,
			message: address + " is not encrypted: everybody on the way could read the token; use https, or leave the token out",
		}
	}
	return strings.TrimRight(parsed.String(), "/"), nil
}

// isLoopback tells whether a host is this machine: what is sent there is on no wire.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

func quoted(text string) string {
	return `"` + text + `"`
}
