// Runs a template file against a control plane: a line each second, then the
// verdict; ends with the exit codes of the command line.
//
//	go run ./examples/run http://127.0.0.1:8090 benchmark.yaml [--acknowledge]
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	gauntlet "gauntlet/client"
	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, arguments []string) (int, error) {
	if len(arguments) < 2 {
		return 1, errors.New("give the address of a control plane and a template file, like http://127.0.0.1:8090 demo.yaml")
	}
	client, err := gauntlet.Connect(arguments[0])
	if err != nil {
		return 1, err
	}
	yaml, err := os.ReadFile(arguments[1])
	if err != nil {
		return 1, err
	}
	acknowledge := len(arguments) > 2 && arguments[2] == "--acknowledge"
	started, err := client.StartRun(ctx, gauntlet.StartOptions{YAML: string(yaml), AcknowledgeAll: acknowledge})
	if err != nil {
		return 1, err
	}
	runID := started.Run.GetRunId()
	fmt.Printf("run %s (%s)\n", started.Run.GetName(), runID)
	if err := follow(ctx, client, runID); err != nil {
		return 1, err
	}
	over, report, err := client.WaitForReport(ctx, runID)
	if err != nil {
		return gauntlet.ExitCode(over, nil), err
	}
	conclude(over, report)
	return gauntlet.ExitCode(over, report), nil
}

// follow prints a run's seconds until its last.
func follow(ctx context.Context, client *gauntlet.Client, runID string) error {
	isCut := false
	interrupted := gauntlet.OnInterrupt(func(cut *gauntlet.Error) {
		if !isCut {
			fmt.Fprintf(os.Stderr, "%v; trying again\n", cut)
		}
		isCut = true
	})
	for point, err := range client.Metrics(ctx, runID, interrupted) {
		if err != nil {
			return err
		}
		isCut = false
		fmt.Println(line(point))
	}
	return nil
}

func line(point *gauntletv1.MetricsPoint) string {
	second := time.UnixMicro(point.GetTimeUs()).UTC().Format(time.TimeOnly)
	phase := strings.ToLower(strings.TrimPrefix(point.GetPhase().String(), "RUN_PHASE_"))
	total := point.GetTotal()
	return fmt.Sprintf("%s %s: %d operations, p99 %.2f ms, %d failed",
		second, phase, total.GetSucceeded(), total.GetResponse().GetP99Us()/1000, total.GetFailed())
}

func conclude(run *gauntletv1.Run, report *gauntletv1.Report) {
	verdict := func(verdict gauntletv1.Verdict) string { return strings.TrimPrefix(verdict.String(), "VERDICT_") }
	for _, slo := range report.GetSlos() {
		fmt.Printf("%s %s: %s\n", verdict(slo.GetVerdict()), slo.GetName(), slo.GetMessage())
	}
	for _, reason := range report.GetReasons() {
		fmt.Printf("%s: %s\n", reason.GetCode(), reason.GetMessage())
	}
	validity := strings.TrimPrefix(report.GetValidity().String(), "VALIDITY_")
	fmt.Printf("%s: %s, %s\n", gauntlet.Ending(run), verdict(report.GetVerdict()), validity)
}
