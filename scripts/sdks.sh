#!/usr/bin/env bash
# Tries the SDKs: does what their READMEs say, with a real server for each language; calls it wrongly, too; and lets a
# worker in Python join a run. Prints a line for each check.
#
# Usage: scripts/sdks.sh [typescript] [go] [python] [rust]    (all of them when none is named)
#
# A README's `sh` blocks are typed in the repository and its blocks with file=NAME are saved; with folder=project both
# are done in a new project, which has the repository beside it. Other blocks are for reading.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib.sh

sources=$PWD/tests/clients/sdks
# The addresses of servers that are no control planes, or of another version.
declare -A at=()
# A run that nobody has.
nobody=018f0000-0000-7000-8000-000000000000
failed=0
patience_s=1200

# The language that is tried, and its folder.
sdk=
folder=
# Its example, which is given a server and a template, and a program that is given a server, a run and maybe a token.
example=()
report=()

# What somebody has in the environment must not change what is tried.
unset GAUNTLET_TOKEN PYTHONPATH
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The live tests of the Python package want to know the binary.
export GAUNTLET=$gauntlet
export PIP_CONSTRAINT=$PWD/clients/python/requirements.txt

# One command, with a deadline for one that hangs; some compile first. What it said is shown when it fails.
check() {
    local what=$1 began=$SECONDS code=0
    shift
    timeout --kill-after=10 "$patience_s" "$@" >"$folder/said" 2>&1 </dev/null || code=$?
    if [[ $code -eq 0 ]]; then
        printf '%s: %s: passed in %d s\n' "$sdk" "$what" $((SECONDS - began))
    else
        printf '%s: %s: FAILED with exit code %d after %d s\n' "$sdk" "$what" "$code" $((SECONDS - began))
        tail -40 "$folder/said"
        failed=1
    fi
}

# Does what a README says, in its order.
follow() {
    local line kind= file= where=
    while IFS= read -r line <&3; do
        if [[ $line == '```'* && -n $kind ]]; then
            kind=
        elif [[ $line == '```'* ]]; then
            kind=${line#'```'}
            where=$PWD
            [[ $line != *' folder=project'* ]] || where=$folder/project
            file=
            [[ $line != *' file='* ]] || file=$folder/project/${line#* file=}
        elif [[ -n $kind && -n $file ]]; then
            printf '%s\n' "${line//http:\/\/127.0.0.1:8090/$url}" >>"$file"
        elif [[ $kind == sh* && -n $line ]]; then
            type_line "$line" "$where"
        fi
    done 3<"$1"
}

# A line that a README says to type, with this server and this benchmark in place of the reader's.
type_line() {
    local line=$1
    # make has done it.
    [[ $line != 'npm ci' ]] || return 0
    line=${line//http:\/\/127.0.0.1:8090/$url}
    line=$(sed -E "s#(\.\./|gauntlet/)*examples/demo\.yaml#$sources/benchmark.yaml#" <<<"$line")
    check "$1" bash -euo pipefail -c "cd '$2'; $line"
}

# A new project of somebody who has the repository beside it, and a server.
begin() {
    sdk=$1
    folder=$PWD/target/sdks/$sdk
    rm -rf "$folder"
    mkdir -p "$folder/project"
    cp "$sources/benchmark.yaml" "$folder/project"
    # pip writes into the folder that it installs from: it gets a copy.
    mkdir -p "$folder/gauntlet/clients"
    ln -s "$PWD"/clients/{go,typescript} "$folder/gauntlet/clients"
    cp -r clients/python "$folder/gauntlet/clients"
    start_server
}

# All runs of the language's server have come to their end.
end() {
    local runs=$1 completed
    completed=$("$gauntlet" list --output json | grep -c '"RUN_STATUS_COMPLETED"') || true
    if [[ $completed -ne $runs ]]; then
        printf '%s: FAILED: %d runs are completed, not %d\n' "$sdk" "$completed" "$runs"
        failed=1
    fi
    stop_server "$failed" || failed=1
}

# Calls that cannot succeed, with the same facts in every language's answers.
call_wrongly() {
    local template=$sources/benchmark.yaml
    refused 'nowhere http://127.0.0.1:8090' "${example[@]}" nowhere "$template"
    refused 'http://127.0.0.1:1 start_one_with:_gauntlet_up' "${example[@]}" http://127.0.0.1:1 "$template"
    refused "${at[page]} address" "${example[@]}" "${at[page]}" "$template"
    refused "${at[pathless]} address" "${example[@]}" "${at[pathless]}" "$template"
    refused 'token' "${example[@]}" "${at[gate]}" "$template"
    refused 'does_not_know 0.1.0' "${example[@]}" "${at[older]}" "$template"
    refused 'absent.yaml' "${example[@]}" "$url" absent.yaml
    refused 'token expired' "${report[@]}" "${at[gate]}" "$nobody" stale
    refused "$nobody gauntlet_list" "${report[@]}" "$url" "$nobody"
}

# Such a call ends with 1 and one line that has certain words in it.
refused() {
    local words=$1 code=0 said word faults=
    shift
    timeout --kill-after=10 60 "$@" >"$folder/out" 2>"$folder/said" </dev/null || code=$?
    said=$(<"$folder/said")
    [[ $code -eq 1 ]] || faults+=" exit code $code;"
    [[ -n $said && $said != *$'\n'* ]] || faults+=' not one line;'
    for word in $words; do
        [[ $said == *"${word//_/ }"* ]] || faults+=" does not say ${word//_/ };"
    done
    if [[ -z $faults ]]; then
        printf '%s: says: %s\n' "$sdk" "$said"
    else
        printf '%s: FAILED:%s %s\n%s\n' "$sdk" "$faults" "$*" "$said"
        failed=1
    fi
}

# They end with this script, which holds their input.
start_strangers() {
    local name address
    coproc STRANGERS { exec node "$sources/strangers.mjs"; }
    for _ in 1 2 3 4; do
        IFS='=' read -r -t 30 name address <&"${STRANGERS[0]}" || fail 'the strange servers did not start'
        at[$name]=$address
    done
}

try_typescript() {
    begin typescript
    follow clients/typescript/README.md
    cp "$sources/report.mjs" "$folder/project"
    example=(node clients/typescript/dist/examples/run.js)
    report=(node "$folder/project/report.mjs")
    call_wrongly
    end 2
}

try_go() {
    command -v go >/dev/null ||
        fail 'go is not installed: install Go 1.26 or newer from https://go.dev/dl to try the SDK for Go'
    begin go
    follow clients/go/README.md
    check 'go build' bash -c "cd clients/go && go build -o '$folder/' ./examples/run && go build -o '$folder/' '$sources/report.go'"
    example=("$folder/run")
    report=("$folder/report")
    call_wrongly
    end 2
}

try_python() {
    local python
    python=$(need_python)
    begin python
    # The reader's python3 is the one that was found.
    PATH=$(dirname "$(command -v "$python")"):$PATH follow clients/python/README.md
    python=$folder/project/.venv/bin/python
    example=("$python" clients/python/examples/run.py)
    report=("$python" "$sources/report.py")
    call_wrongly
    refused 'http://127.0.0.1:1 gauntlet_up' "$python" clients/python/examples/worker.py http://127.0.0.1:1
    end 3
}

try_rust() {
    begin rust
    follow crates/client/README.md
    example=("${gauntlet%/*}/examples/run")
    # The crate is what the command itself is made of.
    report=(sh -c 'exec env GAUNTLET_SERVER="$1" ${3:+GAUNTLET_TOKEN="$3"} "$0" report "$2"' "$gauntlet")
    call_wrongly
    end 1
}

command -v npm >/dev/null || fail 'npm is not installed: install Node.js 20 or newer from https://nodejs.org'
[[ -x $gauntlet ]] || fail "$gauntlet is not there: make sdks builds it"
start_strangers
for language in ${*:-typescript go python rust}; do
    "try_$language"
done
exit "$failed"
