#!/bin/sh
# Sees to it that a PostgreSQL server is installed: root on Debian installs the package, anybody else is told what to do.
set -eu

installed() {
    command -v initdb >/dev/null && return
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/initdb" ]
}

installed && exit
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo 'PostgreSQL is missing and is being installed by apt-get' >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends postgresql </dev/null >/dev/null
    installed && exit
fi
echo 'PostgreSQL is not installed: install its server, for example with `apt-get install postgresql`' >&2
exit 1
