#!/usr/bin/env bash
# Makes target/python: a virtual environment with what requirements.txt pins, made anew when that has changed.
#
# Usage: clients/python/venv.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/lib.sh

make_venv target/python clients/python/requirements.txt
