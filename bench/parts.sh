#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The parts of bench/run that measure outbandd itself: part_NAME each. Sourced by bench/run.
# shellcheck disable=SC2034,SC2154 # variables of the other files

# --- connect storm: everybody at once ---
# storm NAME LATENCY: leaves cpu (us) and wall (ms) until all are connected, and rss_before (KiB)
storm() {
    local from began
    server_init "$1" <<<'loops = 1'
    server_start
    import "$storm_n"
    fleet_start "$storm_n" --hold --threads 2 --latency "$2"
    rss_before=$(rss_kb "$SERVER")
    from=$(cpu_us "$SERVER") began=$(date +%s%3N)
    fleet start '*' >/dev/null || die "the fleet does not start"
    await 120 all_connected || die "not all nodes connected"
    cpu=$(($(cpu_us "$SERVER") - from)) wall=$(($(date +%s%3N) - began))
}

part_storm() {
    local raw raw2 rate known
    raw=$(raw_rate)
    storm storm 60000
    [ "$(metric outband_logins_total)" -ge "$storm_n" ] || die "fewer logins than nodes"
    fleet_stop
    server_stop
    raw2=$(raw_rate)
    rate=$(calc "$storm_n * 1e6 / $cpu" %.0f)
    result "TLS handshakes per second of CPU, bare OpenSSL, RSA-2048" "$(calc "($raw + $raw2) / 2" %.0f)" /s - '' "before $raw, after $raw2"
    result "tunnels accepted per second of server CPU" "$rate" /s - '' "$storm_n nodes at once, firmware silent, in $wall ms"
    result "ratio to the raw handshake rate" "$(calc "$rate / (($raw + $raw2) / 2)")" '' ge 0.7
    storm storm-known 20-120
    await 60 metric_reaches outband_wsman_jobs_total $((2 * storm_n)) || die "power state and card were not read of all"
    known=$(calc "$cpu / $storm_n / 1000" %.2f)
    result "server CPU per node until connected, firmware answering in 20-120 ms" "$known" ms - '' "reads of state and device card among it"
    stop_all
}

# --- memory ---
part_memory() {
    local empty loaded up fleet_up n=$memory_n
    server_init memory <<'INI'
loops = 1
power.poll_interval = 1h
power.poll_doubt = 1h
power.fresh = 2h
INI
    server_start
    empty=$(rss_kb "$SERVER")
    import "$n"
    # a server that has just started: what the import left behind would flatter the growth
    server_stop
    server_start
    loaded=$(rss_kb "$SERVER")
    fleet_start "$n" --connect-rate 500
    await 300 all_connected || die "not all nodes connected"
    await 120 metric_reaches outband_wsman_jobs_total $((2 * n)) || die "power state and card were not read of all"
    sleep 45 # an idle WS-MAN client lives 40 s
    up=$(rss_kb "$SERVER") fleet_up=$(rss_kb "$FLEET")
    [ "$(metric outband_tunnels)" = "$n" ] || die "tunnels were lost meanwhile"
    result "server memory per idle tunnel" "$(calc "($up - $loaded) * 1.024 / $n")" kB le 17 "RSS $loaded KiB with $n hosts, $up KiB with $n tunnels"
    result "server memory per host without a tunnel" "$(calc "($loaded - $empty) * 1.024 / $n")" kB - '' "RSS $empty KiB empty"
    result "amtsim, memory per connected node" "$(calc "$fleet_up * 1.024 / $n")" kB le 25 "RSS $fleet_up KiB"
    stop_all
}

# --- reads, operations and REST over the same 2,000 tunnels, firmware answering at once ---
fleet_up() {
    [ -n "$SERVER" ] && return
    server_init fast <<'INI'
loops = 1
power.poll_interval = 1h
power.poll_doubt = 1h
power.fresh = 2h
power.settle = 0
wsman.in_flight = 8
wsman.burst = 100
wsman.refill = 1ms
INI
    server_start
    import "$fast_n"
    fleet_start "$fast_n" --connect-rate 500 --latency 0 --transition 0
    await 120 all_connected || die "not all nodes connected"
    await 60 metric_reaches outband_wsman_jobs_total $((2 * fast_n)) || die "power state and card were not read of all"
    list_ids
}

part_reads() {
    local k r from jobs
    fleet_up
    for k in 1 16 64; do
        r=$(load look --ids "$dir/ids" --connections $k --seconds "$seconds") || die "$r"
        result "asked reads per second of server CPU, $k in flight" "$(jq .per_cpu_s <<<"$r")" /s - '' "POST :look and GET until it is seen; $(jq .per_s <<<"$r")/s of wall time"
        result "asked read, p50, $k in flight" "$(calc "$(jq .p50_us <<<"$r") / 1000")" ms - ''
        result "asked read, p99, $k in flight" "$(calc "$(jq .p99_us <<<"$r") / 1000")" ms - ''
    done
    # what a read costs without the HTTPS door: the poll
    sed -i 's/poll_interval = 1h/poll_interval = 1s/; s/poll_doubt = 1h/poll_doubt = 1s/' "$dir/bench.ini"
    kill -HUP "$SERVER"
    load look --ids "$dir/ids" --connections 64 --seconds 3 >/dev/null # each host is looked at, and polled from then on
    sleep 2
    from=$(cpu_us "$SERVER") jobs=$(metric outband_wsman_jobs_total)
    sleep "$seconds"
    jobs=$(($(metric outband_wsman_jobs_total) - jobs)) from=$(($(cpu_us "$SERVER") - from))
    result "polled reads per second of server CPU" "$(calc "$jobs * 1e6 / $from" %.0f)" /s ge 8000 "$jobs reads in $seconds s, $from us of CPU"
    sed -i 's/poll_interval = 1s/poll_interval = 1h/; s/poll_doubt = 1s/poll_doubt = 1h/' "$dir/bench.ini"
    kill -HUP "$SERVER"
    sleep 2
}

part_operations() {
    local k r
    fleet_up
    for k in 1 16 64; do
        r=$(load op --ids "$dir/ids" --connections $k --seconds "$seconds") || die "$r"
        [ "$(jq .failed <<<"$r")" = 0 ] || say "operations: $r"
        result "operations per second of server CPU, $k in flight" "$(jq .per_cpu_s <<<"$r")" /s - '' "$(jq .per_s <<<"$r")/s of wall time"
        result "operation to confirmed, p50, $k in flight" "$(calc "$(jq .p50_us <<<"$r") / 1000")" ms le 20
        result "operation to confirmed, p99, $k in flight" "$(calc "$(jq .p99_us <<<"$r") / 1000")" ms - ''
    done
}

part_rest() {
    local r
    fleet_up
    r=$(load host --ids "$dir/ids" --connections 64 --seconds "$seconds") || die "$r"
    result "GET host over TLS per second of server CPU" "$(jq .per_cpu_s <<<"$r")" /s ge 30000 "64 connections, p99 $(jq .p99_us <<<"$r") us"
    r=$(load get --path '/v1/projects/default/compute/hosts?pageSize=1000' --connections 4 --seconds "$seconds") || die "$r"
    result "list of 1,000 hosts per second of server CPU" "$(jq .per_cpu_s <<<"$r")" /s - '' "p50 $(jq .p50_us <<<"$r") us"
}

# --- soft-off of everybody, default settings ---
recovered() { [ "$(fleet stats | tr ' ' '\n' | sed -n 's/^remote-power-on=//p')" -ge "$recovery_n" ]; }
# recovery_times FILE: of each node the seconds from S5 to the power-on that came by the network
recovery_times() {
    awk '{ split(substr($2, 12, 12), t, ":"); s = t[1] * 3600 + t[2] * 60 + t[3] }
         $5 == "remote" && $3 == "power-on" && !($1 in on) { on[$1] = s }
         $3 == "shutdown" { off[$1] = s }
         END { for (n in off) if (n in on) print (on[n] - off[n] + 86400) % 86400 }' "$1" |
        sort -n | jq -s '{n: length, p50: .[length / 2 | floor], worst: .[-1]}'
}

part_recovery() {
    local times
    server_init recovery <<<'loops = 1'
    server_start
    import "$recovery_n"
    # over 25 s, the poll's interval: nodes that connect together would be polled together
    fleet_start "$recovery_n" --connect-rate $((recovery_n / 25))
    await 60 all_connected || die "not all nodes connected"
    await 60 metric_reaches outband_wsman_jobs_total $((2 * recovery_n)) || die "not all nodes were read"
    sleep 10
    fleet os-shutdown '*' >/dev/null || die "the nodes do not shut down"
    await 120 recovered || say "not all nodes came back in 120 s"
    fleet log '*' 3 >"$dir/actions"
    times=$(recovery_times "$dir/actions")
    result "soft-off to power-on sent, nodes" "$(jq .n <<<"$times")" '' ge "$recovery_n" "shut down in the operating system all at once, polls evenly spread, default settings; counted from S5, which is 6 s after the word"
    result "soft-off to power-on sent, p50" "$(jq .p50 <<<"$times")" s le 15
    result "soft-off to power-on sent, worst" "$(jq .worst <<<"$times")" s le 60
    stop_all
}
