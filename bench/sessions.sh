#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The parts of bench/run that measure sessions: part_NAME each. Sourced by bench/run.
# shellcheck disable=SC2034,SC2154 # variables of the other files

sessions_n=200 session_rate=125000 # 1 Mbit/s
HOSTS=/v1/projects/default/compute/hosts

# devices NAME COUNT RATE [amtsim options]: a server with so many bench-devices, none of which wants consent; their
# ids in $dir/ids
devices() {
    server_init "$1" <<'INI'
loops = 1
power.poll_interval = 1h
power.poll_doubt = 1h
power.fresh = 2h
wsman.in_flight = 8
wsman.burst = 100
wsman.refill = 1ms
INI
    server_start
    import "$2"
    device=bench/bench-device BENCH_RATE=$3 fleet_start "$2" --latency 0 "${@:4}"
    fleet consent-policy '*' none >/dev/null || die "the consent policy cannot be set"
    await 60 all_connected || die "not all nodes connected"
    await 60 metric_reaches outband_wsman_jobs_total $((2 * $2)) || die "power state and card were not read of all"
    list_ids
}
# posts BODY: to each path on stdin, in one go; answers to stdout
posts() {
    printf %s "$1" >"$dir/body"
    awk -v api="$api" -v dir="$dir" -v token="$(cat "$dir/token")" '
        NR > 1 { print "next" }
        { printf "silent\nurl = \"%s%s\"\ncacert = \"%s/data/ca.pem\"\nheader = \"Authorization: Bearer %s\"\n", api, $1, dir, token
          printf "header = \"Content-Type: application/json\"\nrequest = POST\ndata = \"@%s/body\"\n", dir }' | curl -K -
}
session_ready() { [ "$(ask "$(tail -n 1 "$dir/streams" | sed 's,/stream$,,')" | jq -r .state)" = ready ]; }
# open_sessions: one of each host, and a ticket for it: $dir/sessions
open_sessions() {
    sed "s,.*,$HOSTS/&/sessions," "$dir/ids" | posts '{"kind":"kvm"}' | jq -r .stream >"$dir/streams"
    await 20 session_ready || die "the sessions do not get ready"
    sed 's,/stream$,/ticket,' "$dir/streams" | posts '' | jq -re .ticket >"$dir/tickets" || die "no tickets"
    paste -d ' ' "$dir/streams" "$dir/tickets" >"$dir/sessions"
}
# view [bench-view options]: prints its line of JSON
view() {
    taskset -c "$fleet_core" "$build/bench/bench-view" --address "$HTTPS" --ca "$dir/data/ca.pem" --pid "$SERVER" \
        --sessions "$dir/sessions" "$@" | sed 1d
}
copy() { taskset -c "$server_core" "$build/bench/bench-copy" "$1" 1 "$fleet_core"; }

# --- one session, as fast as it goes ---
end_session() { ask "$(sed 's,/stream$,,' "$dir/streams")" -X DELETE; }
median() { jq -s "map($1) | sort | .[length / 2 | floor]"; }
part_relay() {
    local round copy rate
    devices relay 1 0
    # in turns, for the machine is not equally busy all the time
    for round in 1 2 3 4 5; do
        copy 16384 >>"$dir/copy"
        open_sessions
        view --seconds 2 >>"$dir/view" || die "the viewer failed"
        end_session
    done
    copy=$(median .mb_per_cpu_s <"$dir/copy") rate=$(calc "$(median .kb_per_cpu_s <"$dir/view") / 1000" %.0f)
    result "plain copy from TLS to TLS per second of CPU, records of 16 KiB" "$copy" MB/s - '' "bare OpenSSL, blocking; $(jq .mb_per_cpu_s "$dir/copy" | paste -sd ' ')"
    result "plain copy, records of 4 KiB" "$(copy 4096 | jq .mb_per_cpu_s)" MB/s - ''
    result "one session per second of server CPU" "$rate" MB/s - '' "$(jq '.kb_per_cpu_s / 1000 | floor' "$dir/view" | paste -sd ' '); $(calc "$(median .kb_per_s <"$dir/view") / 1000" %.0f) MB/s of wall time, the server's core busy $(median .cpu_percent <"$dir/view") %: device and viewer, on the other core, are the limit"
    result "ratio to the plain copy" "$(calc "$rate / $copy")" '' ge 0.6 "medians of $round rounds"
    stop_all
}

# --- many sessions ---
metric_falls() { [ "$(metric "$1")" -le "$2" ]; }
# direct_sessions: the same without the server: each device's address, user and password
direct_sessions() {
    fleet list '*' | sed -n 's/.* redirection=\([^ ]*\).*/\1/p' >"$dir/addresses"
    awk -F, 'NR > 1 { print $7, $8 }' "$dir/nodes.csv" | paste -d ' ' "$dir/addresses" - >"$dir/sessions"
}
# nothing moved for a second: every buffer is full, the kernel's too
stuck() {
    local bytes
    bytes=$(metric outband_session_bytes_total)
    sleep 1
    [ "$(metric outband_session_bytes_total)" = "$bytes" ]
}
part_sessions() {
    local r direct k with without limit before up
    devices sessions "$sessions_n" "$session_rate" --redirection-listen 127.0.0.1:0 --direct "$sessions_n"
    before=$(rss_kb "$SERVER")
    open_sessions
    r=$(view --seconds "$seconds") || die "$r"
    up=$(rss_kb "$SERVER")
    await 10 metric_falls outband_sessions 0 || die "the sessions do not end"
    direct_sessions
    direct=$(view --direct --seconds "$seconds") || die "$direct"
    for k in p50 p99; do
        with=$(jq ".${k}_us" <<<"$r") without=$(jq ".${k}_us" <<<"$direct")
        result "age of a chunk at the viewer, $k" "$(calc "$with / 1000")" ms - '' "$sessions_n sessions of 1 Mbit/s, $(jq .kb_per_s <<<"$r") kB/s together"
        result "the same without the server, $k" "$(calc "$without / 1000")" ms - '' "devices and viewers alone, on their one core, without TLS"
        # without a second core to itself this is noise, and no target is held against it
        [ $k = p99 ] && [ "$without" -lt 1000 ] && limit='le 1' || limit='- 0'
        # shellcheck disable=SC2086 # two words
        result "added by server and TLS, $k" "$(calc "($with - $without) / 1000")" ms $limit "judged only when devices and viewers alone stay below 1 ms"
    done
    result "server CPU for all of them" "$(jq .cpu_percent <<<"$r")" % - ''
    result "server memory per session" "$(calc "($up - $before) / $sessions_n")" KiB - '' "RSS $before KiB before, $up KiB with them"
    stop_all
    devices deaf "$sessions_n" 0
    before=$(rss_kb "$SERVER")
    open_sessions
    "$build/bench/bench-view" --address "$HTTPS" --ca "$dir/data/ca.pem" --pid "$SERVER" --sessions "$dir/sessions" \
        --deaf --seconds 60 >/dev/null &
    OTHER=$!
    sleep 3
    await 50 stuck || die "devices send on to viewers that do not read"
    [ "$(metric outband_sessions)" = "$sessions_n" ] || die "sessions were lost"
    up=$(rss_kb "$SERVER")
    result "server memory per session with a viewer that reads nothing" "$(calc "($up - $before) / $sessions_n")" KiB le 256 "devices send as fast as they may; RSS $before KiB before, $up KiB with them"
    stop_all
}

# --- the viewer's decoder, in node ---
part_decode() {
    local name rate
    node bench/rfb.mjs "$seconds" >"$tmp/decode" || die "bench/rfb.mjs failed"
    while IFS=: read -r name rate; do
        result "$name" "$(awk '{ print $1 }' <<<"$rate")" frames/s - '' "${rate#*, }"
    done <"$tmp/decode"
}
