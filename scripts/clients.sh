#!/usr/bin/env bash
# Calls a real server with the clients that others use: curl, buf curl, connectrpc and grpcio on Python, connect-es on
# Node.js, and connect-web in Chromium. Prints a line for each client and protocol; fails if one could not do its part.
#
# Usage: scripts/clients.sh [python] [node] [browser]    (all of them when none is named)
#
# They use the code that the SDKs bring, and the packages of package-lock.json; for Python, those that the SDK and
# tests/clients pin are fetched into target/clients.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

sources=$PWD/tests/clients
folder=$PWD/target/clients
export BUF=$PWD/node_modules/.bin/buf
export PYTHONDONTWRITEBYTECODE=1
wanted=" ${*:-python node browser} "

wants() {
    [[ $wanted == *" $1 "* ]]
}

# The API's code for grpcio, which wants that of protoc.
generate() {
    rm -rf "$folder/grpc"
    mkdir -p "$folder/grpc"
    "$folder/venv/bin/python" -m grpc_tools.protoc --proto_path=proto --proto_path=third_party/protovalidate \
        --python_out="$folder/grpc" --grpc_python_out="$folder/grpc" \
        proto/gauntlet/v1/*.proto third_party/protovalidate/buf/validate/*.proto
}

bundle() {
    node_modules/.bin/tsc --project "$sources"
    rm -rf "$folder/out"
    bundled node/main.ts node.mjs node
    bundled browser/main.ts browser.mjs node
    bundled browser/page.ts page.js browser
}

bundled() {
    node_modules/.bin/rolldown "$sources/$1" --file "$folder/out/$2" --platform "$3" >/dev/null
}

# One program that walks with several clients. The deadlines within are shorter: this one is for a program that hangs.
run() {
    local code=0
    timeout --kill-after=10 "$@" || code=$?
    [[ $code -eq 0 ]] || failed=1
    [[ $code -ne 124 && $code -ne 137 ]] || echo "was ended after $1 s: ${*:2}" >&2
}

command -v curl >/dev/null || fail 'curl is not installed: install it, for example with `apt-get install curl`'
[[ -x $gauntlet ]] || fail "$gauntlet is not there: make clients builds it"
[[ -x $BUF ]] || fail "$BUF is not there: make clients installs it"
mkdir -p "$folder"
if wants python; then
    make_venv "$folder/venv" clients/python/requirements.txt "$sources/python/requirements.txt"
    generate
fi
if wants node || wants browser; then
    bundle
fi
start_server
"$gauntlet" template apply -f "$sources/reads.yaml" >/dev/null
failed=0
if wants python; then
    PYTHONPATH=$PWD/clients/python/src:$folder/grpc \
        run 300 "$folder/venv/bin/python" "$sources/python/main.py" "$url" reads
fi
if wants node; then
    run 150 node "$folder/out/node.mjs" "$url" reads
fi
if wants browser; then
    if CHROMIUM=$(need_chromium); then
        export CHROMIUM
        run 150 node "$folder/out/browser.mjs" "$url" reads "$folder/out/page.js"
    else
        echo 'browser: skipped, because Chromium is not installed: install it, for example with `apt-get install chromium`'
    fi
fi
exit "$failed"
