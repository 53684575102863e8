#!/bin/sh
# A private PostgreSQL in a folder of its own, for `make bench-postgres`.
#   private-postgres.sh start DIR   creates and starts it on a free loopback port and prints its URL
#   private-postgres.sh stop DIR    stops it and removes DIR
# DIR must not exist or be empty; where root starts it, an unprivileged account must be able to reach it (not in a home).
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

# The folder of initdb and pg_ctl: a link in PATH stands for the folder that it points into.
programs() {
    if initdb=$(command -v initdb); then
        dirname "$(readlink -f "$initdb")"
        return
    fi
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr); do
        if [ -x "$folder/initdb" ]; then
            echo "$folder"
            return
        fi
    done
    if command -v pg_config >/dev/null && [ -x "$(pg_config --bindir)/initdb" ]; then
        pg_config --bindir
        return
    fi
    fail 'PostgreSQL is not installed: install its server, for example with `apt-get install postgresql`'
}

# PostgreSQL refuses to run as root, so root hands it to another account.
account() {
    for name in postgres nobody; do
        if id -u "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    fail 'PostgreSQL refuses to run as root and there is no account postgres or nobody: create one of them'
}

as_account() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    name=$(account)
    if command -v setpriv >/dev/null; then
        setpriv --reuid="$name" --regid="$(id -g "$name")" --clear-groups -- "$@"
    elif command -v runuser >/dev/null; then
        runuser -u "$name" -- "$@"
    else
        fail 'neither setpriv nor runuser is installed: install util-linux'
    fi
}

# Ports are drawn until the server can bind one; nothing portable in a shell asks the system for a free one.
start_on_a_free_port() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        if as_account "$bin/pg_ctl" -s -w -t 60 -D "$folder/data" -l "$folder/log" -o "-p $port" start >/dev/null 2>&1; then
            return
        fi
        grep -q 'could not bind' "$folder/log" 2>/dev/null || break
        : >"$folder/log"
    done
    cat "$folder/log" >&2
    fail 'the private PostgreSQL does not start: its log stands above'
}

start() {
    bin=$(programs)
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    chmod 700 "$folder"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$folder/password")
    if [ "$(id -u)" -eq 0 ]; then
        chown -R "$(account)" "$folder"
    fi
    cd "$folder" || exit
    said=$(as_account "$bin/initdb" -D "$folder/data" -U gauntlet --pwfile="$folder/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C --no-sync 2>&1) || fail "$said"
    # What a benchmark on one machine asks for: durable as in production, large enough to hold the demo in memory.
    as_account tee -a "$folder/data/postgresql.conf" >/dev/null <<CONFIGURATION
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
shared_buffers = 256MB
max_connections = 300
max_wal_size = 2GB
CONFIGURATION
    start_on_a_free_port
    echo "postgres://gauntlet:$password@127.0.0.1:$port/postgres"
}

stop() {
    [ -d "$folder" ] || return 0
    folder=$(cd "$folder" && pwd)
    # Anything else is not ours to remove.
    if [ ! -f "$folder/password" ]; then
        rmdir "$folder" 2>/dev/null || fail "$folder holds no private PostgreSQL: nothing is removed"
        return 0
    fi
    if [ -f "$folder/data/postmaster.pid" ]; then
        cd "$folder"
        as_account "$(programs)/pg_ctl" -s -w -t 60 -m fast -D "$folder/data" stop >/dev/null ||
            as_account "$(programs)/pg_ctl" -s -w -t 60 -m immediate -D "$folder/data" stop
    fi
    cd /
    rm -rf "$folder"
}

[ $# -eq 2 ] || fail 'usage: private-postgres.sh start DIR | stop DIR'
folder=$2
case $1 in
start) start ;;
stop) stop ;;
*) fail "private-postgres.sh knows start and stop, not $1" ;;
esac
