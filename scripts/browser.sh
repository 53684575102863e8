#!/usr/bin/env bash
# Drives the dashboard of a real server with real workers in Debian's Chromium. Screenshots, traces and the report are
# kept in target/browser. Arguments go to Playwright.
set -euo pipefail
cd "$(dirname "$0")/.."

find_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

if ! find_chromium >/dev/null && [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    echo 'chromium is missing and is being installed by apt-get' >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends chromium </dev/null >/dev/null
fi
CHROMIUM=$(find_chromium) || {
    echo 'Chromium is not installed: install it, for example with `apt-get install chromium`' >&2
    exit 1
}
GAUNTLET=${CARGO_TARGET_DIR:-$PWD/target}/debug/gauntlet
export CHROMIUM GAUNTLET
cd clients/dashboard
exec ../../node_modules/.bin/playwright test "$@"
