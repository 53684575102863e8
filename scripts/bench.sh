#!/bin/sh
# Measures gauntlet beside pgbench and sysbench and writes docs/benchmarks.md and docs/benchmarks.json.
#   bench.sh [--quick] [--only PART,...] [--keep] [--out FOLDER] [--binary PATH]
# Parts: select, rate, first-operation, and api, which is create-run, list-runs, ingest and fanout. Figures of some parts
# are printed; with --keep they are written beside those that were written before.
# Both programs are compiled for release; only a given --binary is taken as it is.
set -eu

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

built=
for argument in "$@"; do
    case $argument in
    --binary | --binary=*) built=yes ;;
    esac
done
# One command for both, so that what they share is compiled once.
if [ -n "$built" ]; then
    cargo build --release -p gauntlet-tests --bin gauntlet-bench
else
    cargo build --release -p gauntlet-server -p gauntlet-tests --bin gauntlet --bin gauntlet-bench
fi
exec "$target/release/gauntlet-bench" "$@"
