#!/usr/bin/env bash
# Runs the official Connect conformance suite against a server that is nothing but our front.
#
# Usage: scripts/conformance.sh [arguments for the runner, such as --run 'Basic/**']
#
# The runner and its protos come from the Go module proxy into target/conformance. The version is pinned to the newest
# that installs: v1.0.7 asks for connectrpc.com/connect/v2 v2.0.2, which the Go module proxy answers with "not available".
set -euo pipefail
cd "$(dirname "$0")/.."

module=connectrpc.com/conformance
version=v1.0.6
folder=$PWD/target/conformance
built=${CARGO_TARGET_DIR:-$PWD/target}/debug/conformance-server

command -v go >/dev/null || {
    echo 'go is not installed: install Go 1.24 or newer from https://go.dev/dl to run the conformance suite' >&2
    exit 1
}
command -v cargo >/dev/null || {
    echo 'cargo is not installed: install Rust from https://rustup.rs' >&2
    exit 1
}

mkdir -p "$folder/bin"
if [[ ! -x $folder/bin/connectconformance || $(cat "$folder/version" 2>/dev/null) != "$version" ]]; then
    GOBIN=$folder/bin go install "$module/cmd/connectconformance@$version"
    sources=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    rm -rf "$folder/proto"
    cp -r "$sources/proto" "$folder/proto"
    chmod -R u+w "$folder/proto"
    echo "$version" >"$folder/version"
fi

CONFORMANCE_PROTOS=$folder/proto cargo bins --bin conformance-server --features gauntlet-conformance/protos

# The runner says how many cases passed, and fails if one did not.
exec "$folder/bin/connectconformance" --mode server --conf tests/conformance/suite.yaml "$@" -- "$built"
