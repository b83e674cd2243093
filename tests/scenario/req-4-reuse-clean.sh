# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: CIRA Connection and Edge Node Reuse: the clean way from one orchestrator to another leaves nothing behind.
story() {
    local n=node001 first second
    site one
    fleet_start 1 --unprovisioned --mei "$WORK/mei" --latency 0
    site two
    site one
    enrol $n
    first=$ID
    want_amt "$first" provisioned ccm
    link_up "$first"
    say "Activated at orchestrator 1: $(host "$first" .amtStatus)"
    cli set host "$first" --power off --wait --timeout 60 >/dev/null || fail "power off at 1"
    cli set host "$first" --power on --wait --timeout 60 >/dev/null || fail "power on at 1"
    say "Power works at 1. Now the clean way: deauthorize, delete."

    cli deauthorize host "$first" >"$WORK/out" 2>&1 || fail "deauthorize: $(cat "$WORK/out")"
    host_is "$first" '.currentAmtState == "AMT_STATE_UNPROVISIONED"' || fail "deauthorized, but $(host "$first" .currentAmtState): $(cat "$WORK/out")"
    ctl prov 1 | grep -q 'mode=none' || fail "the firmware is still set up: $(ctl prov 1)"
    host_is "$first" '.oob.link.state != "up"' || fail "the tunnel is still there"
    say "Deauthorized at 1: $(host "$first" .amtStatus)"
    cli delete host "$first" >/dev/null || fail "delete at 1"
    test_summary ".hosts == 0 or .total == 0" || fail "1 still knows the node"
    agent_stop $n

    site two
    enrol $n
    second=$ID
    wait_until 10 "2 knows the state" host_is "$second" '.currentAmtState == "AMT_STATE_UNPROVISIONED"'
    [ -z "$(finding "$second" foreign-orchestrator)" ] || fail "2 takes the clean node for a foreign one"
    want_amt "$second" provisioned ccm
    link_up "$second"
    cli set host "$second" --power off --wait --timeout 60 >/dev/null || fail "power off at 2"
    cli set host "$second" --power on --wait --timeout 60 >/dev/null || fail "power on at 2"
    say "Activated at orchestrator 2, power works: $(host "$second" .amtStatus)"

    site one
    api GET /api/v1/quarantine | jq -e '.entries == []' >/dev/null || fail "something of the node still dials 1"
    test_summary ".hosts == 0 or .total == 0" || fail "1 knows the node again"
    say "Orchestrator 1 has nothing left of it."
}
