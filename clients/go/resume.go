package gauntlet

import (
	"context"
	"errors"
	"iter"
	"time"
)

// pace is how patiently a stream is followed.
type pace struct {
	// silence: the control plane shows a sign of life every ten seconds; without
	// one for so long the stream is dead, whatever the socket says.
	silence time.Duration
	// patience is how long to go on trying without a single message.
	patience time.Duration
	// shortest is the pause before the first new try; it doubles up to longest.
	shortest, longest time.Duration
}

var defaultPace = pace{
	silence:  25 * time.Second,
	patience: 30 * time.Second,
	shortest: 100 * time.Millisecond,
	longest:  2 * time.Second,
}

// errSilent ends a stream that shows no sign of life.
var errSilent = errors.New("nothing came")

// stream is what connect gives for a call that answers with a stream.
type stream[M any] interface {
	Receive() bool
	Msg() *M
	Err() error
	Close() error
}

// source is a stream that can be opened again where it was cut.
type source[M, V any] struct {
	// open opens the stream after what was taken last.
	open func(context.Context) (stream[M], error)
	// take takes a message and gives what it tells, if anything; it keeps the
	// place to go on from.
	take func(*M) (V, bool)
	// isOver tells whether all has come: asked after each message, and when a
	// stream ended well.
	isOver func(endedWell bool) bool
}

// outcome is what became of one connection's stream.
type outcome int

const (
	// cut: it broke and may be opened again.
	cut outcome = iota
	// over: all has come.
	over
	// left: the caller has gone.
	left
)

// follow follows a stream to its end, opening it again after each cut, so that
// nothing comes twice and nothing is missed. The last error, if any, is final:
// it will not pass, or nothing came for too long, or the context is over.
func follow[M, V any](
	ctx context.Context, pace pace, from source[M, V], interrupted func(*Error),
) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var none V
		retry := retry{pace: pace}
		for {
			became, err := read(ctx, pace, from, &retry, yield)
			if became != cut {
				return
			}
			if ctx.Err() != nil {
				yield(none, context.Cause(ctx))
				return
			}
			pause, err := retry.failed(err)
			if err != nil {
				yield(none, err)
				return
			}
			if interrupted != nil {
				interrupted(retry.last)
			}
			select {
			case <-ctx.Done():
				yield(none, context.Cause(ctx))
				return
			case <-time.After(pause):
			}
		}
	}
}

// read reads one connection's stream until it is cut, over, or left.
func read[M, V any](
	ctx context.Context, pace pace, from source[M, V], retry *retry, yield func(V, error) bool,
) (outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(pace.silence, func() { cancel(errSilent) })
	defer silence.Stop()
	messages, err := from.open(ctx)
	if err != nil {
		return cut, silent(ctx, pace, err)
	}
	// What it says to being left is of no interest.
	defer func() { _ = messages.Close() }()
	for messages.Receive() {
		silence.Stop()
		retry.succeeded()
		if value, tells := from.take(messages.Msg()); tells && !yield(value, nil) {
			return left, nil
		}
		if from.isOver(false) {
			return over, nil
		}
		silence.Reset(pace.silence)
	}
	if err := messages.Err(); err != nil {
		return cut, silent(ctx, pace, err)
	}
	if from.isOver(true) {
		return over, nil
	}
	return cut, lost("the stream ended")
}

// silent puts the reason in the place of what it led to.
func silent(ctx context.Context, pace pace, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return lost("nothing came for " + pace.silence.String())
	}
	return err
}

// retry says when to try again and when to give up.
type retry struct {
	pace         pace
	failingSince time.Time
	failures     int
	last         *Error
}

func (r *retry) succeeded() {
	r.failingSince, r.failures = time.Time{}, 0
}

// failed gives the pause before the next try, or the error when it is not worth one.
func (r *retry) failed(err error) (time.Duration, error) {
	now := time.Now()
	if r.failures == 0 {
		r.failingSince = now
	}
	r.last = Explain(err)
	if !r.last.Retryable || now.Sub(r.failingSince) > r.pace.patience {
		return 0, err
	}
	pause := r.pace.shortest << min(r.failures, 10)
	r.failures++
	return min(pause, r.pace.longest), nil
}
