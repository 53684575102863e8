package gauntlet

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

// NoReportError is a run that is over and has no report; it says why.
type NoReportError struct {
	// Run is the run as it ended.
	Run     *gauntletv1.Run
	refusal *Error
}

// Error says how the run ended and why there is no report.
func (e *NoReportError) Error() string { return e.refusal.Error() }

// Unwrap gives the [*Error].
func (e *NoReportError) Unwrap() error { return e.refusal }

// WaitForReport waits for the end of a run and gives the run as it ended with
// its report. It fails with a [*NoReportError] that says why there is none.
func (c *Client) WaitForReport(
	ctx context.Context, runID string, options ...WatchOption,
) (*gauntletv1.Run, *gauntletv1.Report, error) {
	var last *gauntletv1.Run
	for run, err := range c.WatchRun(ctx, runID, options...) {
		if err != nil {
			return nil, nil, err
		}
		last = run
	}
	if last.GetProcessing() != gauntletv1.ProcessingStatus_PROCESSING_STATUS_COMPLETED {
		return last, nil, newNoReportError(last)
	}
	answer, err := c.Runs.GetReport(ctx, connect.NewRequest(&gauntletv1.GetReportRequest{RunId: runID}))
	if err != nil {
		return last, nil, err
	}
	if run := answer.Msg.GetRun(); run != nil {
		last = run
	}
	return last, answer.Msg.GetReport(), nil
}

func newNoReportError(run *gauntletv1.Run) *NoReportError {
	why := "it has no report: no load was sent"
	if run.GetProcessing() == gauntletv1.ProcessingStatus_PROCESSING_STATUS_FAILED {
		why = "its report could not be made; try again with RunService.RetryProcessing"
	}
	message := fmt.Sprintf("%s; %s", Ending(run), why)
	refusal := &Error{Kind: KindRefused, Code: connect.CodeFailedPrecondition, message: message}
	return &NoReportError{Run: run, refusal: refusal}
}

// Ending says how a run ended.
func Ending(run *gauntletv1.Run) string {
	text := fmt.Sprintf("run %s %s", run.GetName(), word(run.GetStatus(), "RUN_STATUS_"))
	switch {
	case run.GetStopMessage() != "":
		return text + ": " + run.GetStopMessage()
	case run.GetStopReason() != gauntletv1.StopReason_STOP_REASON_UNSPECIFIED:
		return text + ": " + word(run.GetStopReason(), "STOP_REASON_")
	default:
		return text
	}
}

// word is an enumeration's value as people write it.
func word(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(value.String(), prefix), "_", " "))
}

// ExitCode is the exit code of a program that made a run, as the command line
// has it: 0 pass, 1 failed, 2 objective not met, 3 too few operations to say,
// 4 the numbers cannot be trusted, 5 a person ended it. The report may be nil.
func ExitCode(run *gauntletv1.Run, report *gauntletv1.Report) int {
	switch run.GetStatus() {
	case gauntletv1.RunStatus_RUN_STATUS_CANCELLED:
		return 5
	case gauntletv1.RunStatus_RUN_STATUS_COMPLETED, gauntletv1.RunStatus_RUN_STATUS_STOPPED:
	default:
		return 1
	}
	if report == nil {
		return 1
	}
	if report.GetValidity() != gauntletv1.Validity_VALIDITY_VALID {
		return 4
	}
	switch report.GetVerdict() {
	case gauntletv1.Verdict_VERDICT_FAIL:
		return 2
	case gauntletv1.Verdict_VERDICT_INCONCLUSIVE:
		return 3
	default:
		return 0
	}
}
