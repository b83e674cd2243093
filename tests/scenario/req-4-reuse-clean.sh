# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# CIRA Connection and Edge Node Reuse Between EMF Orchestrator: the recommended clean flow.
# shellcheck source=tests/scenario/two.sh
. tests/scenario/two.sh
story() {
    local n=node001
    two_sites 1
    moved_in $n
    cli set host $HOST --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    wait_until 30 "the tunnel of $n is up at 1" host_is $HOST '.oob.link.state == "up"'
    say "Orchestrator 1 has activated $n: $(host $HOST .oob.provisioning.text). Its firmware: $(prov_of 1)"
    switched $HOST

    say "Before it moves: orch-cli deauthorize host $HOST at orchestrator 1."
    cli deauthorize host $HOST --yes >"$WORK/out" 2>&1 || fail "deauthorize: $(cat "$WORK/out")"
    prov_of 1 | grep -q 'mode=none.*unprovisions=1' || fail "the firmware is still set up: $(prov_of 1)"
    host_is $HOST '.currentAmtState == "AMT_STATE_UNPROVISIONED" and .oob.link.state == "down" and .oob.agent == null' ||
        fail "orchestrator 1 does not show it as free: $(host $HOST '.oob.amt, .oob.link')"
    say "The firmware is free, its tunnel is gone, the agent's identity is void: $(host $HOST .amtStatus)."
    agent_stop $n
    cli delete host $HOST --yes >"$WORK/out" 2>&1 || fail "delete: $(cat "$WORK/out")"
    [ "$(api GET /v1/projects/default/compute/hosts | jq .totalElements)" = 0 ] || fail "the host is still at 1"
    say "orch-cli delete host: orchestrator 1 knows nothing of it any more."

    use 2
    moved_in $n
    cli set host $HOST --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    wait_until 30 "the tunnel of $n is up at 2" host_is $HOST '.oob.link.state == "up"'
    host_is $HOST '[.oob.findings[].id] | index("foreign-orchestrator") == null' || fail "2 believes it foreign"
    say "Orchestrator 2 has activated it: $(host $HOST .oob.provisioning.text). Its firmware: $(prov_of 1)"
    switched $HOST
    use 1
    [ "$(api GET /api/v1/quarantine | jq '.entries | length')" = 0 ] || fail "it still dials 1: $(api GET /api/v1/quarantine)"
    say "Nothing dials orchestrator 1."
    agent_stop $n
    two_gone
}
