package gauntlet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Kind is what sort of trouble an [Error] is.
type Kind int

const (
	// KindRefused: the control plane, or this client, refused what was asked for.
	KindRefused Kind = iota
	// KindBadAddress: the address cannot be used.
	KindBadAddress
	// KindUnreachable: nothing answers at the address.
	KindUnreachable
	// KindLost: the connection broke during a call; whether the call was carried
	// out is not known.
	KindLost
	// KindNotGauntlet: something answers at the address, and it is no control plane.
	KindNotGauntlet
	// KindVersion: the control plane is of another version and does not know the call.
	KindVersion
	// KindToken: the control plane asks for a token, or does not accept the one given.
	KindToken
)

// String gives a word like "unreachable".
func (k Kind) String() string {
	words := [...]string{"refused", "bad address", "unreachable", "lost", "not gauntlet", "version", "token"}
	if k < 0 || int(k) >= len(words) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return words[k]
}

// Error says why a call gave no answer, or not the one hoped for. Its text is a
// sentence for people. Every error of this package but that of a context is one,
// or wraps one.
type Error struct {
	// Kind is what sort of trouble it is.
	Kind Kind
	// Code is that of the control plane's answer, or what comes closest.
	Code connect.Code
	// Violations are the fields that are wrong, for CodeInvalidArgument.
	Violations []Violation
	// Retryable tells whether the same call may succeed a little later.
	Retryable bool

	message string
	cause   error
}

// Violation is one field that is wrong.
type Violation struct {
	// Field is its path in the request, like spec.operations[1].weight; may be empty.
	Field string
	// Message says what is wrong and what is allowed.
	Message string
}

// Error gives the sentence.
func (e *Error) Error() string { return e.message }

// Unwrap gives what the sentence explains.
func (e *Error) Unwrap() error { return e.cause }

// about is what is known of the call that failed.
type about struct {
	url, method string
	// begun tells whether a message of this call had come already.
	begun, hasToken bool
	// serverVersion is empty when the control plane does not say it.
	serverVersion string
}

// Explain says of anything that a call failed with what it means and what to do.
func Explain(err error) *Error { return explain(err, about{}) }

func explain(err error, call about) *Error {
	var explained *Error
	if errors.As(err, &explained) {
		return explained
	}
	failed := &connect.Error{}
	if !errors.As(err, &failed) {
		failed = connect.NewError(connect.CodeOf(err), err)
	}
	if connect.IsWireError(err) {
		explained = answered(failed, call)
	} else {
		explained = unanswered(failed, call)
	}
	if explained.Code == 0 {
		explained.Code = failed.Code()
	}
	explained.cause = err
	return explained
}

// lost is a stream of which nothing comes any more.
func lost(why string) *Error {
	message := "the connection to the control plane broke: " + why
	return &Error{Kind: KindLost, Code: connect.CodeUnavailable, Retryable: true, message: message}
}

// answered explains an error that the control plane answered with.
func answered(err *connect.Error, call about) *Error {
	switch err.Code() {
	case connect.CodeUnimplemented:
		return &Error{Kind: KindVersion, message: otherVersion(call)}
	case connect.CodeUnauthenticated:
		return &Error{Kind: KindToken, message: tokenRefused(call)}
	default:
		wrong := violations(err)
		message := refusal(err, wrong)
		return &Error{Kind: KindRefused, Violations: wrong, Retryable: isPassing(err.Code()), message: message}
	}
}

func isPassing(code connect.Code) bool {
	switch code {
	case connect.CodeUnavailable, connect.CodeUnknown, connect.CodeCanceled, connect.CodeDeadlineExceeded:
		return true
	default:
		return false
	}
}

func refusal(err *connect.Error, wrong []Violation) string {
	if len(wrong) > 1 {
		lines := fmt.Sprintf("%d fields are wrong:", len(wrong))
		for _, violation := range wrong {
			lines += "\n  " + field(violation.Field) + violation.Message
		}
		return lines
	}
	said := err.Message()
	if said == "" {
		said = "the control plane answered: " + strings.ReplaceAll(err.Code().String(), "_", " ")
	}
	switch {
	case err.Code() == connect.CodeNotFound && !strings.Contains(said, "gauntlet "):
		return said + "; look for it with: gauntlet " + listing(said)
	case err.Code() == connect.CodePermissionDenied:
		return said + "; ask who runs the control plane for a token that may do this"
	default:
		return said
	}
}

// listing is the command that lists what is missing: messages begin with it.
func listing(said string) string {
	what, _, _ := strings.Cut(said, " ")
	switch what {
	case "template", "target", "pool":
		return what + " list"
	default:
		return "list"
	}
}

func violations(err *connect.Error) []Violation {
	var found []Violation
	for _, detail := range err.Details() {
		value, failed := detail.Value()
		request, ok := value.(*errdetails.BadRequest)
		if failed != nil || !ok {
			continue
		}
		for _, violation := range request.GetFieldViolations() {
			found = append(found, Violation{Field: violation.GetField(), Message: violation.GetDescription()})
		}
	}
	return found
}

func otherVersion(call about) string {
	server, method := "is of another version", call.method
	if call.serverVersion != "" {
		server = "is gauntlet " + call.serverVersion
	}
	if method == "" {
		method = "this call"
	}
	const sentence = "the control plane%s %s and does not know %s; this client is %s: use the same version on both sides"
	return fmt.Sprintf(sentence, at(call.url), server, method, Version)
}

func tokenRefused(call about) string {
	who := "the control plane" + at(call.url)
	if call.hasToken {
		return who + " does not accept the token: it is wrong or has expired; ask who runs it for a new one"
	}
	return who + " asks for a token; give it one, with WithToken"
}

// unanswered explains trouble on this side or on the way.
func unanswered(err *connect.Error, call about) *Error {
	cause := err.Unwrap()
	isAway := away.MatchString(err.Message())
	switch {
	case err.Code() == connect.CodeUnauthenticated:
		return &Error{Kind: KindToken, message: tokenRefused(call)}
	case errors.Is(cause, context.Canceled):
		return &Error{Kind: KindLost, Code: connect.CodeCanceled, Retryable: true, message: "the call was cancelled"}
	case (isRefused(cause) || isAway) && !call.begun:
		message := fmt.Sprintf("no control plane answers%s; start one with: gauntlet up", at(call.url))
		return &Error{Kind: KindUnreachable, Code: connect.CodeUnavailable, Retryable: true, message: message}
	case err.Code() == connect.CodeDeadlineExceeded:
		message := fmt.Sprintf("the control plane%s did not answer in time; try again", at(call.url))
		return &Error{Kind: KindLost, Retryable: true, message: message}
	case isTLS(cause):
		return &Error{Kind: KindUnreachable, message: noTLS(root(cause), or(call.url, "the control plane"))}
	case foreign.MatchString(err.Message()) && !isAway && !call.begun:
		const sentence = "what answers at %s is no control plane of gauntlet (%s); " +
			"check the address, like http://127.0.0.1:8090"
		return &Error{Kind: KindNotGauntlet, message: fmt.Sprintf(sentence, or(call.url, "this address"), root(cause))}
	default:
		return lost(root(cause).Error())
	}
}

func noTLS(cause error, url string) string {
	if isPlain(cause) {
		return url + " does not speak TLS; use http instead of https"
	}
	return fmt.Sprintf("no TLS with %s: %s; name its authority's certificate, with WithTLS", url, cause)
}

// isPlain tells whether what answers speaks HTTP and no TLS.
func isPlain(err error) bool {
	var header tls.RecordHeaderError
	return errors.As(err, &header) || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}

// isRefused tells whether no connection came about.
func isRefused(err error) bool {
	var operation *net.OpError
	var name *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &name) ||
		(errors.As(err, &operation) && operation.Op == "dial")
}

func isTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var alert tls.AlertError
	return isPlain(err) || errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &alert)
}

// foreign is what the protocols' implementations say of an answer that is not of
// their protocol.
var foreign = regexp.MustCompile(
	`^(HTTP status )?[1-5]\d\d |invalid content-type|looked like an HTTP/1|malformed HTTP|^protocol error`)

// away is what a proxy says when what is behind it is away for a while.
var away = regexp.MustCompile(`^(HTTP status )?(429|502|503|504) `)

// root is the error that the others wrap: a socket's, mostly.
func root(err error) error {
	for {
		deeper := errors.Unwrap(err)
		if deeper == nil {
			return err
		}
		err = deeper
	}
}

func at(url string) string {
	if url == "" {
		return ""
	}
	return " at " + url
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func field(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
