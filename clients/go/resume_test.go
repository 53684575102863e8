package gauntlet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

var errAway = connect.NewError(connect.CodeUnavailable, errors.New("the store is away"))

// values reads a sequence to its end.
func values[V, W any](t *testing.T, all iter.Seq2[V, error], each func(V) W) []W {
	t.Helper()
	var found []W
	for value, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, each(value))
	}
	return found
}

// states are the messages of a watch after a revision: four states, the last
// final, a heartbeat after each.
func states(after int64) []*gauntletv1.WatchRunResponse {
	var messages []*gauntletv1.WatchRunResponse
	for revision := after + 1; revision <= 4; revision++ {
		run := &gauntletv1.Run{Revision: revision, Status: gauntletv1.RunStatus_RUN_STATUS_RUNNING}
		if revision == 4 {
			run.Status = gauntletv1.RunStatus_RUN_STATUS_COMPLETED
		}
		messages = append(messages,
			&gauntletv1.WatchRunResponse{Update: &gauntletv1.WatchRunResponse_Run{Run: run}},
			&gauntletv1.WatchRunResponse{Update: &gauntletv1.WatchRunResponse_Heartbeat{Heartbeat: &gauntletv1.StreamHeartbeat{}}})
	}
	return messages
}

func TestARunComesWholeWhereverItsStreamsAreCut(t *testing.T) {
	// A stream that only ends, and one whose connection breaks, are cuts, too.
	ends := map[string]func() error{
		"refused": func() error { return errAway },
		"ended":   func() error { return nil },
		"broken":  func() error { panic(http.ErrAbortHandler) },
	}
	for name, end := range ends {
		for most := range 9 {
			t.Run(fmt.Sprintf("%s after %d", name, most), func(t *testing.T) {
				streams := 0
				client := serve(t, &plane{watchRun: func(after int64, send func(*gauntletv1.WatchRunResponse)) error {
					messages := states(after)
					length := min(most, len(messages))
					if most == 0 && streams > 0 {
						length = 1
					}
					streams++
					for _, message := range messages[:length] {
						send(message)
					}
					return end()
				}})
				seen := values(t, client.WatchRun(t.Context(), runID), (*gauntletv1.Run).GetRevision)
				if !slices.Equal(seen, []int64{1, 2, 3, 4}) {
					t.Fatalf("saw %v", seen)
				}
			})
		}
	}
}

func TestMetricsComeOnceEachWhereverTheirStreamsAreCut(t *testing.T) {
	type point struct{ second, phase int64 }
	// The phase changes in second 2.
	points := []point{{1, 1}, {2, 1}, {2, 2}, {3, 2}}
	for _, protocol := range []Protocol{ProtocolConnect, ProtocolGRPC, ProtocolGRPCWeb} {
		for most := 1; most <= 4; most++ {
			t.Run(fmt.Sprintf("protocol %d after %d", protocol, most), func(t *testing.T) {
				streams := 0
				script := func(afterUs int64, send func(*gauntletv1.StreamMetricsResponse)) error {
					later := slices.DeleteFunc(slices.Clone(points), func(p point) bool { return p.second <= afterUs })
					// The newest second, two points at most, comes again after a cut.
					length := most
					if streams > 0 {
						length += 2
					}
					streams++
					for _, p := range later[:min(length, len(later))] {
						send(&gauntletv1.StreamMetricsResponse{Update: &gauntletv1.StreamMetricsResponse_Point{
							Point: &gauntletv1.MetricsPoint{TimeUs: p.second, Phase: gauntletv1.RunPhase(p.phase)},
						}})
					}
					if len(later) > length {
						return errAway
					}
					return nil
				}
				client := serve(t, &plane{metrics: script}, WithProtocol(protocol))
				seen := values(t, client.Metrics(t.Context(), runID), func(p *gauntletv1.MetricsPoint) point {
					return point{p.GetTimeUs(), int64(p.GetPhase())}
				})
				if !slices.Equal(seen, points) {
					t.Fatalf("saw %v", seen)
				}
			})
		}
	}
}

// fake is a stream whose next message a test decides.
type fake struct {
	receive func() error
	err     error
}

func (f *fake) Receive() bool { f.err = f.receive(); return f.err == nil }
func (f *fake) Msg() *int     { return new(int) }
func (f *fake) Err() error    { return f.err }
func (f *fake) Close() error  { return nil }

// faked is a source of such streams.
func faked(receive func(context.Context) error) source[int, int] {
	return source[int, int]{
		open: func(ctx context.Context) (stream[int], error) {
			return &fake{receive: func() error { return receive(ctx) }}, nil
		},
		take:   func(*int) (int, bool) { return 0, false },
		isOver: func(bool) bool { return false },
	}
}

func TestTriesGoOnWithGrowingPausesUntilPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var times []time.Duration
		from := faked(func(context.Context) error { return errAway })
		var last error
		for _, err := range follow(t.Context(), defaultPace, from, func(*Error) { times = append(times, time.Since(begun)) }) {
			last = err
		}
		if !errors.Is(last, errAway) || time.Since(begun) <= defaultPace.patience {
			t.Fatalf("%v after %s", last, time.Since(begun))
		}
		var pauses []int64
		for index, at := range times[1:] {
			pauses = append(pauses, (at - times[index]).Milliseconds())
		}
		if !slices.Equal(pauses[:6], []int64{100, 200, 400, 800, 1600, 2000}) {
			t.Fatalf("pauses %v", pauses)
		}
	})
}

func TestASilentStreamIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := faked(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var why *Error
		done := errors.New("done")
		begun := time.Now()
		for _, err := range follow(ctx, defaultPace, from, func(cut *Error) { why = cut; cancel(done) }) {
			if !errors.Is(err, done) {
				t.Fatal(err)
			}
		}
		if time.Since(begun) != defaultPace.silence || why.Error() != "the connection to the control plane broke: nothing came for 25s" {
			t.Fatalf("%v after %s", why, time.Since(begun))
		}
	})
}

func TestWhatWillNotPassIsNotTriedAgain(t *testing.T) {
	refused := connect.NewError(connect.CodeNotFound, errors.New("there is no run x"))
	client := serve(t, &plane{watchRun: func(int64, func(*gauntletv1.WatchRunResponse)) error { return refused }})
	for _, err := range client.WatchRun(t.Context(), runID) {
		if err.Error() != "there is no run x; look for it with: gauntlet list" {
			t.Fatal(err)
		}
	}
}

func TestAWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := serve(t, &plane{watchRun: func(after int64, send func(*gauntletv1.WatchRunResponse)) error {
		send(states(after)[0])
		return errAway
	}})
	for _, err := range client.WatchRun(ctx, runID) {
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
