package gauntlet

import (
	"context"
	"iter"
	"math"
	"time"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

// WatchOption changes how a run is followed.
type WatchOption func(*watchSettings)

type watchSettings struct {
	pace        pace
	interrupted func(*Error)
	afterUs     int64
}

// OnInterrupt calls a function each time that the stream was cut and is tried again.
func OnInterrupt(call func(*Error)) WatchOption {
	return func(s *watchSettings) { s.interrupted = call }
}

// WithPatience goes on for so long without a single message; 30 s without it.
func WithPatience(patience time.Duration) WatchOption {
	return func(s *watchSettings) { s.pace.patience = patience }
}

// After leaves out the metrics of seconds up to an instant.
func After(instant time.Time) WatchOption {
	return func(s *watchSettings) { s.afterUs = instant.UnixMicro() }
}

func (c *Client) settings(options []WatchOption) watchSettings {
	chosen := watchSettings{pace: c.pace}
	for _, option := range options {
		option(&chosen)
	}
	return chosen
}

// IsOver tells whether a run's status is one that never changes again.
func IsOver(status gauntletv1.RunStatus) bool {
	switch status {
	case gauntletv1.RunStatus_RUN_STATUS_COMPLETED, gauntletv1.RunStatus_RUN_STATUS_STOPPED,
		gauntletv1.RunStatus_RUN_STATUS_CANCELLED, gauntletv1.RunStatus_RUN_STATUS_FAILED:
		return true
	default:
		return false
	}
}

// WatchRun gives the states of a run, from now to its end, through broken
// connections. An error is final and comes last.
func (c *Client) WatchRun(ctx context.Context, runID string, options ...WatchOption) iter.Seq2[*gauntletv1.Run, error] {
	chosen := c.settings(options)
	return follow(ctx, chosen.pace, c.runSource(runID), chosen.interrupted)
}

func (c *Client) runSource(runID string) source[gauntletv1.WatchRunResponse, *gauntletv1.Run] {
	var revision int64
	var isOver bool
	return source[gauntletv1.WatchRunResponse, *gauntletv1.Run]{
		open: func(ctx context.Context) (stream[gauntletv1.WatchRunResponse], error) {
			request := &gauntletv1.WatchRunRequest{
				RunId:   runID,
				Options: &gauntletv1.WatchOptions{ResumeFromRevision: revision},
			}
			return opened(c.Runs.WatchRun(ctx, connect.NewRequest(request)))
		},
		take: func(message *gauntletv1.WatchRunResponse) (*gauntletv1.Run, bool) {
			run := message.GetRun()
			if run == nil {
				return nil, false
			}
			revision, isOver = run.GetRevision(), IsOver(run.GetStatus())
			return run, true
		},
		// The end of the stream means nothing before the end of the run.
		isOver: func(bool) bool { return isOver },
	}
}

// Metrics gives one point for each second of a run, from its first to its last,
// through broken connections. An error is final and comes last.
func (c *Client) Metrics(
	ctx context.Context, runID string, options ...WatchOption,
) iter.Seq2[*gauntletv1.MetricsPoint, error] {
	chosen := c.settings(options)
	return follow(ctx, chosen.pace, c.metricsSource(runID, chosen.afterUs), chosen.interrupted)
}

func (c *Client) metricsSource(
	runID string, afterUs int64,
) source[gauntletv1.StreamMetricsResponse, *gauntletv1.MetricsPoint] {
	// The start of the newest second seen and its phase: a second in which the
	// phase changes has two points.
	newestUs, phase := afterUs, gauntletv1.RunPhase(math.MaxInt32)
	return source[gauntletv1.StreamMetricsResponse, *gauntletv1.MetricsPoint]{
		open: func(ctx context.Context) (stream[gauntletv1.StreamMetricsResponse], error) {
			request := &gauntletv1.StreamMetricsRequest{RunId: runID, AfterUs: newestUs}
			if phase != math.MaxInt32 {
				// The newest second is asked for once more: its other phase may be missing.
				request.AfterUs--
			}
			return opened(c.Runs.StreamMetrics(ctx, connect.NewRequest(request)))
		},
		take: func(message *gauntletv1.StreamMetricsResponse) (*gauntletv1.MetricsPoint, bool) {
			point := message.GetPoint()
			if point == nil || point.GetTimeUs() < newestUs {
				return nil, false
			}
			if point.GetTimeUs() == newestUs && point.GetPhase() <= phase {
				return nil, false
			}
			newestUs, phase = point.GetTimeUs(), point.GetPhase()
			return point, true
		},
		isOver: func(endedWell bool) bool { return endedWell },
	}
}

// opened keeps a nil stream from becoming an interface that is not nil.
func opened[M any](messages *connect.ServerStreamForClient[M], err error) (stream[M], error) {
	if err != nil {
		return nil, err
	}
	return messages, nil
}
