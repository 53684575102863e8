#!/usr/bin/env bash
# Calls a real server with the clients that others use: curl, buf curl, connectrpc and grpcio on Python, connect-es on
# Node.js, and connect-web in Chromium. Prints a line for each client and protocol; fails if one could not do its part.
#
# Usage: scripts/clients.sh [python] [node] [browser]    (all of them when none is named)
#
# The clients are fetched into target/clients, at the versions that tests/clients pins.
set -euo pipefail
cd "$(dirname "$0")/.."

sources=$PWD/tests/clients
folder=$PWD/target/clients
gauntlet=${CARGO_TARGET_DIR:-$PWD/target}/debug/gauntlet
export BUF=$PWD/node_modules/.bin/buf
export PYTHONDONTWRITEBYTECODE=1
wanted=" ${*:-python node browser} "
# The server of this run: its process and the folder of its data.
server=
data=

fail() {
    echo "$1" >&2
    exit 1
}

wants() {
    [[ $wanted == *" $1 "* ]]
}

# Root on Debian installs packages, anybody else does not.
install_packages() {
    [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null || return 1
    echo "$* is missing and is being installed by apt-get" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# The newest enough Python that can make a virtual environment; connectrpc wants 3.11.
find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

install_python_clients() {
    local pins=$sources/python/requirements.txt python
    cmp -s "$pins" "$folder/venv/requirements.txt" && return
    python=$(find_python) || {
        install_packages python3 python3-venv || true
        python=$(find_python) || fail 'Python 3.11 or newer with venv is not installed: install it, for example with `apt-get install python3-venv`'
    }
    rm -rf "$folder/venv"
    "$python" -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$pins"
    cp "$pins" "$folder/venv/requirements.txt"
}

install_node_clients() {
    command -v npm >/dev/null || fail 'npm is not installed: install Node.js 20 or newer from https://nodejs.org'
    cmp -s "$sources/package-lock.json" "$folder/node_modules/package-lock.json" && return
    cp "$sources/package.json" "$sources/package-lock.json" "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error >/dev/null
    cp "$sources/package-lock.json" "$folder/node_modules/package-lock.json"
}

# The API's code for every client, and that of google.rpc for those that do not bring it: it holds an error's details.
generate() {
    local out=$folder/generated packages google=$folder/googleapis/google/rpc
    packages=$(echo "$folder"/venv/lib/python3*/site-packages)
    mkdir -p "$google"
    cp "$packages"/google/rpc/{error_details,status}.proto "$google"
    rm -rf "$out"
    mkdir -p "$out/grpc"
    "$BUF" generate --template "$sources/buf.gen.yaml" --output "$out"
    "$BUF" generate "$folder/googleapis" --template "$sources/buf.gen.yaml" --output "$out"
    "$folder/venv/bin/python" -m grpc_tools.protoc --proto_path=proto --proto_path=third_party/protovalidate \
        --python_out="$out/grpc" --grpc_python_out="$out/grpc" \
        proto/gauntlet/v1/*.proto third_party/protovalidate/buf/validate/*.proto
}

bundle() {
    rm -rf "$folder"/{node,browser,out}
    cp -r "$sources"/{node,browser,walk.ts,tsconfig.json} "$folder"
    local bin=$folder/node_modules/.bin
    (
        cd "$folder"
        "$bin/tsc"
        "$bin/esbuild" node/main.ts browser/main.ts --bundle --platform=node --packages=external --format=esm \
            --out-extension:.js=.mjs --outdir=out --log-level=warning
        "$bin/esbuild" browser/page.ts --bundle --format=esm --outfile=out/page.js --log-level=warning
    )
}

start_server() {
    data=$(mktemp -d /tmp/gauntlet-clients-XXXXXX)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$gauntlet" up --listen 127.0.0.1:0 --data-dir "$data" --workers 1 </dev/null >"$data/out" 2>>"$data/err" &
    server=$!
    # It says so once; 60 s are the deadline.
    for _ in {1..300}; do
        grep -q '^serving at ' "$data/out" && break
        kill -0 "$server" 2>/dev/null || fail 'the server ended early'
        sleep 0.2
    done
    url=$(sed -n 's/^serving at \(http[^ ]*\) .*/\1/p' "$data/out")
    [[ -n $url ]] || fail 'the server does not serve'
    export GAUNTLET_SERVER=$url
    "$gauntlet" target add db --sqlite "$data/bench.db" >/dev/null 2>>"$data/err"
    "$gauntlet" target load db --table bench --rows 1000 >/dev/null 2>>"$data/err"
    "$gauntlet" template apply -f "$sources/reads.yaml" >/dev/null 2>>"$data/err"
}

# Its exit code is that of the server, which ends by itself within 30 s.
stop_server() {
    local code=0
    kill "$server" 2>/dev/null || true
    timeout 30 tail --pid="$server" -f /dev/null || kill -9 "$server"
    wait "$server" || code=$?
    server=
    [[ $code -eq 0 ]] || echo "the server ended with $code" >&2
    return "$code"
}

# Whatever happened, nothing is left.
clean_up() {
    local code=$?
    if [[ -n $server ]]; then
        stop_server || code=1
    fi
    # What the server said is wanted when something failed.
    [[ $code -eq 0 ]] || cat "$data/err" >&2
    rm -rf "$data"
    exit "$code"
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
install_python_clients
install_node_clients
generate
if wants node || wants browser; then
    bundle
fi
start_server
failed=0
if wants python; then
    PYTHONPATH=$folder/generated/python:$folder/generated/grpc \
        run 300 "$folder/venv/bin/python" "$sources/python/main.py" "$url" reads
fi
if wants node; then
    run 150 node "$folder/out/node/main.mjs" "$url" reads
fi
if wants browser; then
    find_chromium >/dev/null || install_packages chromium || true
    if CHROMIUM=$(find_chromium); then
        export CHROMIUM
        run 150 node "$folder/out/browser/main.mjs" "$url" reads "$folder/out/page.js"
    else
        echo 'browser: skipped, because Chromium is not installed: install it, for example with `apt-get install chromium`'
    fi
fi
stop_server || failed=1
if grep -q 'panicked at' "$data/err"; then
    echo 'the server panicked' >&2
    failed=1
fi
exit "$failed"
