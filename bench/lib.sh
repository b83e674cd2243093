#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the parts of bench/run share: one server, one fleet, their CPU time and memory, and the results.
# Sourced by bench/run, which sets build, out and tmp.
# shellcheck disable=SC2034,SC2154 # variables of the other files

SERVER='' FLEET='' OTHER='' HTTPS='' CIRA='' TOKEN=''
server_core=0 fleet_core=0
[ "$(nproc)" -gt 1 ] && fleet_core=1

say() { echo "bench: $*" >&2; }
die() {
    say "$*"
    [ -n "${dir:-}" ] && tail -n 5 "$dir"/*.log >&2 2>/dev/null
    exit 1
}

# stop_pid PID: SIGTERM, and SIGKILL after 20 s
stop_pid() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null
    for _ in $(seq 200); do
        kill -0 "$1" 2>/dev/null || { wait "$1" 2>/dev/null; return 0; }
        sleep 0.1
    done
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
stop_all() {
    stop_pid "$FLEET"
    stop_pid "$SERVER"
    stop_pid "$OTHER"
    FLEET='' SERVER='' OTHER=''
}

# await SECONDS COMMAND…: until it succeeds
await() {
    local until=$(($(date +%s) + $1))
    shift
    while ! "$@"; do
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 0.05
    done
}
says() { grep -q "$2" "$1" 2>/dev/null; }

# CPU time of all threads of a process, in microseconds
cpu_us() { cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ s += $1 } END { printf "%d", s / 1000 }'; }
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }

# server_init NAME: a fresh data directory, $dir/data, and $dir/bench.ini with what is on stdin
server_init() {
    dir=$tmp/$1
    mkdir -p "$dir"
    cat >"$dir/bench.ini"
    head -c 18 /dev/urandom | base64 | tr '+/' 'xy' >"$dir/password"
    "$build/src/server/outbandd" init --data-dir "$dir/data" --admin-password-file "$dir/password" --hostname localhost \
        >"$dir/init.log" 2>&1 || die "outbandd init failed"
}
# server_start: on one core, one loop
server_start() {
    : >"$dir/server.out"
    taskset -c $server_core "$build/src/server/outbandd" serve --data-dir "$dir/data" --config "$dir/bench.ini" \
        --https 127.0.0.1:0 --cira 127.0.0.1:0 --log-level warn >"$dir/server.out" 2>>"$dir/server.log" &
    SERVER=$!
    await 30 says "$dir/server.out" '^listening cira' || die "outbandd does not start"
    HTTPS=$(sed -n 's/^listening https //p' "$dir/server.out")
    CIRA=$(sed -n 's/^listening cira //p' "$dir/server.out")
    api=https://localhost:${HTTPS##*:}
    jq -n --arg p "$(cat "$dir/password")" '{username: "admin", password: $p}' |
        curl -sS --cacert "$dir/data/ca.pem" -H 'Content-Type: application/json' -d @- "$api/api/v1/authorize" |
        jq -re .token >"$dir/token" || die "login failed"
}
server_stop() {
    stop_pid "$SERVER"
    SERVER=''
}
# ask PATH [curl arguments]
ask() {
    local path=$1
    shift
    curl -sS --cacert "$dir/data/ca.pem" -H "Authorization: Bearer $(cat "$dir/token")" "$@" "$api$path"
}
# metric NAME: its value now
metric() { ask /metrics | awk -v n="$1" '$1 == n { print $2 }'; }
metric_reaches() { [ "$(metric "$1")" -ge "$2" ]; }

# fleet_start COUNT [amtsim options]: connects at once, unless --hold is among them; device: another program than amtsim
fleet_start() {
    local n=$1
    shift
    rm -f "$dir/fleet.out"
    local ca="$dir/data/ca.pem"
    [ -f "$ca" ] && set -- --ca "$ca" "$@"
    taskset -c $fleet_core "$build/${device:-src/sim/amtsim}" --server "$CIRA" --count "$n" --csv-out "$dir/nodes.csv" \
        --control "$dir/fleet.sock" --wait "$@" >"$dir/fleet.out" 2>>"$dir/fleet.log" &
    FLEET=$!
    await 60 test -S "$dir/fleet.sock" || die "amtsim does not start"
}
fleet() { "$build/src/sim/amtsim" ctl "$dir/fleet.sock" "$@"; }
fleet_stop() {
    stop_pid "$FLEET"
    FLEET=''
    rm -f "$dir/fleet.sock"
}
all_connected() { says "$dir/fleet.out" 'nodes are connected'; }
# import COUNT: the nodes of such a fleet become hosts
import() {
    fleet_start "$1" --hold
    fleet_stop
    ask /v1/projects/default/compute/hosts:import -H 'Content-Type: text/csv' --data-binary "@$dir/nodes.csv" |
        jq -re .created >/dev/null || die "the import was refused"
}
# one id a line into $dir/ids
list_ids() {
    local offset=0 got
    : >"$dir/ids"
    while :; do
        got=$(ask "/v1/projects/default/compute/hosts?pageSize=1000&offset=$offset" | jq -r '.hosts[].resourceId')
        [ -n "$got" ] || break
        echo "$got" >>"$dir/ids"
        offset=$((offset + 1000))
    done
}
# load MODE [bench-load options]: prints its line of JSON
load() {
    taskset -c $fleet_core "$build/bench/bench-load" "$@" --address "$HTTPS" --ca "$dir/data/ca.pem" --token "$dir/token" \
        --pid "$SERVER"
}
# raw_rate: handshakes a second of CPU time with bare OpenSSL
raw_rate() { "$build/bench/bench-handshake" rsa-2048 "${1:-2}" | jq .per_s; }

# result MEASURE VALUE UNIT ge|le|- TARGET NOTE: one line of bench-results.jsonl
result() {
    jq -nc --arg part "$part" --arg name "$1" --argjson value "$2" --arg unit "$3" --arg cmp "$4" --arg target "$5" --arg note "${6:-}" \
        '{part: $part, measure: $name, value: $value, unit: $unit}
         + (if $cmp == "-" then {} else ($target | tonumber) as $t
            | {target: "\(if $cmp == "ge" then "≥" else "≤" end) \($target)",
               met: (if $cmp == "ge" then $value >= $t else $value <= $t end)} end)
         + (if $note == "" then {} else {note: $note} end)' | tee -a "$out/bench-results.jsonl.new"
}
# calc EXPRESSION [FORMAT]
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }
