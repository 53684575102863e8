#!/usr/bin/env bash
# Writes the API's code for the SDKs from proto/, as buf.gen.yaml says: what is checked in below clients/.
#
# Usage: scripts/generate.sh [--check]    (fails when what it wrote is not what is committed)
#
# The generators are pinned: by package-lock.json for TypeScript, by clients/go/go.mod for Go, by
# clients/python/requirements.txt for Python.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

# What is generated, whole: nothing in these folders is written by hand.
generated=(clients/typescript/src/gen clients/go/gen clients/python/src/gauntlet_client/gen)

[[ -x node_modules/.bin/buf && -x node_modules/.bin/protoc-gen-es ]] ||
    fail 'the generators for TypeScript are not there: install Node.js 20 or newer from https://nodejs.org, then run `make generate`'
command -v go >/dev/null ||
    fail 'go is not installed: install Go 1.26 or newer from https://go.dev/dl to generate the API for Go'

clients/python/venv.sh
node_modules/.bin/buf generate
# Go programs share it with everybody else's, from where it is published.
rm -rf clients/go/gen/google

if [[ ${1:-} == --check ]]; then
    changed=$(git status --porcelain --untracked-files=all -- "${generated[@]}")
    [[ -z $changed ]] || fail "$changed"$'\n''generated files are not those of proto/: commit what `make generate` wrote'
fi
