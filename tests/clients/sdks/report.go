// Waits for the report of a run: go run report.go URL RUN_ID [TOKEN].
package main

import (
	"context"
	"fmt"
	"os"

	gauntlet "gauntlet/client"
)

func main() {
	if err := report(os.Args[1], os.Args[2], os.Args[3:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func report(url, runID string, token ...string) error {
	var options []gauntlet.Option
	if len(token) > 0 {
		options = append(options, gauntlet.WithToken(token[0]))
	}
	client, err := gauntlet.Connect(url, options...)
	if err != nil {
		return err
	}
	run, _, err := client.WaitForReport(context.Background(), runID)
	if err != nil {
		return err
	}
	fmt.Printf("the report of run %s is there\n", run.GetName())
	return nil
}
