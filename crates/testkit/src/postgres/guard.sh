# Owns one folder and the PostgreSQL in it, on behalf of a test process.
# Arguments: FOLDER POSTGRES. Commands come on standard input, one per line: "start PORT", "stop", "kill".
# Each is answered by one line: ready, failed or stopped. The end of the input means that the test process is gone:
# the server is ended and the folder removed.
folder=$1 postgres=$2 pid=

# True once the server that we started accepts connections: the eighth line of its own pid file says so.
ready() {
    {
        read -r owner && read -r _ && read -r _ && read -r _ && read -r _ && read -r _ && read -r _ && read -r state
    } 2>/dev/null <"$folder/data/postmaster.pid" && [ "$owner" = "$pid" ] && [ "$state" = ready ]
}

running() {
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

start() {
    if running; then
        echo ready
        return
    fi
    : >"$folder/log"
    "$postgres" -D "$folder/data" -p "$1" -k "$folder" </dev/null >>"$folder/log" 2>&1 &
    pid=$!
    rounds=3000
    while running && [ "$rounds" -gt 0 ]; do
        if ready 2>/dev/null; then
            echo ready
            return
        fi
        rounds=$((rounds - 1))
        sleep 0.02
    done
    end QUIT
    echo failed
}

# Sends the signal and waits; a server that takes longer than ten seconds is killed.
end() {
    rounds=500
    running && kill -s "$1" "$pid"
    while running; do
        [ "$rounds" -eq 0 ] && kill -s KILL "$pid"
        rounds=$((rounds - 1))
        sleep 0.02
    done
    pid=
}

clean() {
    end QUIT
    cd /
    # The children of a killed server may still be writing; they notice within moments.
    rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
}

trap clean EXIT
trap exit HUP INT TERM
while read -r command port; do
    case $command in
    start) start "$port" ;;
    stop) end INT; echo stopped ;;
    kill) end KILL; echo stopped ;;
    esac
done
