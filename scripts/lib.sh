# What the scripts share that call a real server with the programs of others. To be sourced in the repository's root.
# shellcheck shell=bash

gauntlet=${CARGO_TARGET_DIR:-$PWD/target}/debug/gauntlet
# The server that runs: its process, the folder of its data, its address.
server=
data=
url=

fail() {
    echo "$1" >&2
    exit 1
}

# Root on Debian installs packages, anybody else does not.
install_packages() {
    [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null || return 1
    echo "$* is missing and is being installed by apt-get" >&2
    export DEBIAN_FRONTEND=noninteractive
    # What is found is printed: nothing else may be.
    apt-get update -qq </dev/null >/dev/null
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

need_python() {
    find_python && return
    install_packages python3 python3-venv || true
    find_python ||
        fail 'Python 3.11 or newer with venv is not installed: install it, for example with `apt-get install python3-venv`'
}

# A virtual environment in a folder with what files pin, and only it; made anew when they have changed.
make_venv() {
    local folder=$1 pins python
    shift
    pins=$(cat "$@")
    [[ -f $folder/pins && $(<"$folder/pins") == "$pins" ]] && return
    python=$(need_python)
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement /dev/stdin <<<"$pins"
    echo "$pins" >"$folder/pins"
}

find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

need_chromium() {
    find_chromium && return
    install_packages chromium || true
    find_chromium
}

# A server with one worker, an SQLite target "db" and its table "bench" of 1,000 rows; `url` is where. Whatever happens,
# nothing is left of it.
start_server() {
    data=$(mktemp -d /tmp/gauntlet-clients-XXXXXX)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 141' PIPE
    : >"$data/out"
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
}

# Fails unless the server ends well; it does so by itself within 30 s. What it said is wanted when it does not, and when
# the argument is not 0: something else failed.
stop_server() {
    local code=0
    kill "$server" 2>/dev/null || true
    timeout 30 tail --pid="$server" -f /dev/null || kill -9 "$server"
    wait "$server" || code=$?
    server=
    [[ $code -eq 0 ]] || echo "the server ended with $code" >&2
    if grep -q 'panicked at' "$data/err"; then
        echo 'the server panicked' >&2
        code=1
    fi
    [[ $code -eq 0 && ${1:-0} -eq 0 ]] || cat "$data/err" >&2
    rm -rf "$data"
    return "$code"
}

clean_up() {
    local code=$?
    if [[ -n $server ]]; then
        stop_server "$code" || code=1
    fi
    exit "$code"
}
