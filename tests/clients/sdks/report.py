"""Waits for the report of a run: python report.py URL RUN_ID [TOKEN]."""

import sys

import gauntlet_client

url, run_id, *token = sys.argv[1:]
try:
    with gauntlet_client.connect(url, *token) as gauntlet:
        done = gauntlet.wait_for_report(run_id)
        print(f"the report of run {done.run.name} is there")
except gauntlet_client.GauntletError as error:
    sys.exit(str(error))
