#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The part of bench/run that measures bringing nodes under management, and out of it again. Sourced by bench/run.
# shellcheck disable=SC2034,SC2154 # variables of the other files

# activate_node NAME: what the program at a node does
activate_node() {
    taskset -c "$fleet_core" "$build/src/rpc/rpc" activate --url "wss://localhost:${HTTPS##*:}/activate" --profile default_ccm \
        --ca "$dir/data/ca.pem" --key-file "$dir/token" --mei "unix:$dir/mei/$1" >"$dir/rpc/$1" 2>&1
}
# all of them, at once; false when one failed
activate_all() {
    local name pid pids='' failed=0
    mkdir -p "$dir/rpc"
    while read -r name; do
        activate_node "$name" &
        pids="$pids $!"
    done < <(sed -n '2,$s/,.*//p' "$dir/nodes.csv")
    for pid in $pids; do wait "$pid" || failed=$((failed + 1)); done
    [ "$failed" = 0 ]
}
tunnels_are() { [ "$(metric outband_tunnels)" = "$1" ]; }
# deactivate_all: an order for each host, over one connection
deactivate_all() {
    local id
    list_ids
    while read -r id; do
        printf 'next\nurl = "%s/v1/projects/default/compute/hosts/%s"\nrequest = PATCH\ncacert = "%s"\nheader = "Authorization: Bearer %s"\n' \
            "$api" "$id" "$dir/data/ca.pem" "$(cat "$dir/token")"
        printf 'header = "Content-Type: application/json"\ndata = "{\\"desiredAmtState\\":\\"AMT_STATE_UNPROVISIONED\\"}"\n'
        printf 'silent\noutput = /dev/null\nfail\n'
    done <"$dir/ids" | sed 1d >"$dir/orders"
    chmod 600 "$dir/orders"
    curl -K "$dir/orders" || die "an order was refused"
}

part_activate() {
    local from began cpu wall
    server_init activate <<<'loops = 1'
    server_start
    import "$activate_n"
    fleet_start "$activate_n" --unprovisioned --mei "$dir/mei" --latency 0
    from=$(cpu_us "$SERVER") began=$(date +%s%3N)
    activate_all || die "an activation failed: $(grep -l 'rpc: ' "$dir"/rpc/* | head -n 1 | xargs tail -n 2)"
    await 60 tunnels_are "$activate_n" || die "not all tunnels came"
    cpu=$(($(cpu_us "$SERVER") - from)) wall=$(($(date +%s%3N) - began))
    result "activations per second of server CPU, client control mode" "$(calc "$activate_n * 1e6 / $cpu" %.0f)" /s - '' "$activate_n nodes at once by rpc and /activate, up to the first tunnel, in $wall ms"
    result "server CPU per activation" "$(calc "$cpu / $activate_n / 1000")" ms - ''
    sleep 2
    from=$(cpu_us "$SERVER") began=$(date +%s%3N)
    deactivate_all
    await 60 tunnels_are 0 || die "not all tunnels went"
    cpu=$(($(cpu_us "$SERVER") - from)) wall=$(($(date +%s%3N) - began))
    result "deactivations per second of server CPU, over the tunnel" "$(calc "$activate_n * 1e6 / $cpu" %.0f)" /s - '' "PATCH of $activate_n hosts, until the last tunnel has gone, in $wall ms"
    stop_all
}
