# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: External Power Off on vPro Edge Nodes.
story() {
    world 3
    say "Three nodes are managed, linked and on."
    local n=node001 t0 t1 status body
    t0=$(now_ms)
    ctl power-cut 1 rst >/dev/null || fail "ctl power-cut"
    wait_until 5 "the link is down" host_is $n '.oob.link.state == "down"'
    t1=$(now_ms)
    say "External power off: the CIRA connection is lost; the API says so $((t1 - t0)) ms later."
    [ $((t1 - t0)) -le 1500 ] || fail "link down took $((t1 - t0)) ms (1 s of the product, 0.5 s of the asking)"
    host_is $n '.currentPowerState == "POWER_STATE_UNSPECIFIED" and .oob.power.state == "unknown"' || fail "a lost node must be unknown, not $(host $n .currentPowerState)"
    host_is $n '.oob.power.lastKnown.state == "on" and .oob.power.lastKnown.ageMs >= 0' || fail "the last known power is missing"
    status=$(host $n .powerStatus)
    say "powerStatus: $status"
    [[ $status == "Device not found/connected: AMT link lost"*"last known power On"* ]] || fail "powerStatus does not say what happened"
    wait_until 5 "the database says so" eval 'sqlite3 "$WORK/data/outband.db" "select link_state, link_why, power_state from host where name = '"'$n'"'" | grep -qx "down|reset|on"'
    say "The database says: $(sqlite3 "$WORK/data/outband.db" "select name, 'link ' || link_state, link_why, 'last power ' || power_state from host where name = '$n'")"
    cli set host $n --power off >"$WORK/out" 2>&1
    local code=$?
    say "orch-cli set host $n --power off: exit $code: $(head -n 1 "$WORK/out")"
    [ $code = 6 ] || fail "exit code must be 6 (unreachable)"
    grep -q "Device not found/connected: AMT link lost" "$WORK/out" || fail "the refusal does not name the cause"
    host_is $n '.desiredPowerState == "POWER_STATE_ON"' || fail "a refused command changed the intent"
    finding $n link-lost | grep -q "mains power" || fail "finding link-lost is missing"
    say "Finding: $(finding $n link-lost | head -c 160)…"

    t0=$(now_ms)
    ctl power-cut 2 >/dev/null || fail "ctl power-cut"
    say "A second node vanishes without a word (no FIN, no RST)."
    wait_until 45 "silence is noticed" host_is node002 '.oob.link.state == "down"'
    t1=$(now_ms)
    say "Noticed after $(((t1 - t0) / 1000)) s of silence: $(host node002 .oob.link.reason)."

    ctl power-restore 1 >/dev/null
    wait_until 60 "node 1 is back" host_is $n '.oob.link.state == "up" and .oob.power.state == "on"'
    body=$(history "$(host $n .resourceId)")
    say "Power is back: the state was read again before anything was done."
    echo "$body" | sed -n '/link-up/,$p' | grep -q 'operation' && echo "$body" | sed 's/^/    /'
    echo "$body" | grep -c 'Z link-lost:' | grep -qx 1 || fail "history must show the loss once"
}
