#!/usr/bin/env bash
# Drives the dashboard of a real server with real workers in Debian's Chromium. Screenshots, traces and the report are
# kept in target/browser. Arguments go to Playwright.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

CHROMIUM=$(need_chromium) ||
    fail 'Chromium is not installed: install it, for example with `apt-get install chromium`'
GAUNTLET=$gauntlet
export CHROMIUM GAUNTLET
cd clients/dashboard
exec ../../node_modules/.bin/playwright test "$@"
