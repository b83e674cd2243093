# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A node that nobody ever touched: its agent enrols, the server sets its firmware up through the agent, and takes it out again.
told() { "$BUILD/src/rpc/rpc" amtinfo --mei "unix:$WORK/mei/$1" | grep -q "^$2"; } # NODE PATTERN

story() {
    server_init
    mkdir "$WORK/mei"
    server_start
    fleet_start 1 --mei "$WORK/mei" --unprovisioned
    cli_login
    local n=node001 h t0
    agent_config $n
    enrolment_key site 1 "$WORK/agent-$n/key"
    agent $n enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    h=$(sed -n 's/^enrolled as \(.*\) (host-.*/\1/p' "$WORK/out")
    say "$(cat "$WORK/out"): a host that was not in the list."
    agent_run $n
    wait_until 20 "the agent told that the firmware is not set up" host_is "$h" '.currentAmtState == "AMT_STATE_UNPROVISIONED"'
    host_is "$h" '.oob.link.state == "never"' || fail "there is a tunnel already"

    t0=$(now_ms)
    api PATCH "/v1/projects/default/compute/hosts/$h" -H 'Content-Type: application/json' \
        -d '{"desiredAmtState":"AMT_STATE_PROVISIONED","amtControlMode":"AMT_CONTROL_MODE_CCM"}' >/dev/null
    wait_until 60 "the activation has ended" host_is "$h" '.oob.provisioning.state | IN("done", "failed", "cancelled")'
    host_is "$h" '.oob.provisioning.state == "done"' || fail "$(host "$h" .oob.provisioning)"
    say "Activated through the agent after $(($(now_ms) - t0)) ms: $(host "$h" .oob.provisioning.text)."
    host_is "$h" '.currentAmtState == "AMT_STATE_PROVISIONED" and .oob.link.state == "up"' || fail "it is not connected"
    wait_until 60 "the power is read" host_is "$h" '.oob.power.state == "on"'
    wait_until 20 "the agent sees the mode, too" host_is "$h" '.oob.agent.controlMode == 1'
    wait_until 20 "the agent read whom the firmware dials" host_is "$h" '.oob.agent.mps.address // "" | length > 0'
    host_is "$h" '.oob.agent.mps.rootSha256 | length == 64' || fail "$(host "$h" .oob.agent.mps)"
    host_is "$h" '[.oob.findings[]? | select(.id | test("foreign"))] == []' || fail "its own server is foreign to it"
    say "The firmware dials $(host "$h" .oob.agent.mps.address)."
    told $n 'MPS root' || fail "rpc amtinfo does not show the MPS"
    grep -q 'activate$' "$WORK/agent-$n/log" || fail "the agent does not say that it activates"
    grep -q 'is done' "$WORK/agent-$n/log" || fail "the agent does not say that it is done"

    # the switch in the firmware, thrown by the agent
    api PATCH "/v1/projects/default/compute/hosts/$h" -H 'Content-Type: application/json' -d '{"amtEnabled":false}' >/dev/null
    wait_until 20 "AMT is switched off" told $n 'operational state *disabled'
    wait_until 20 "that is told" eval "history $h | grep -q 'amt-switch is done: AMT is switched off'"
    api PATCH "/v1/projects/default/compute/hosts/$h" -H 'Content-Type: application/json' -d '{"amtEnabled":true}' >/dev/null
    wait_until 20 "AMT is switched on" told $n 'operational state *enabled'
    wait_until 60 "the link is up again" host_is "$h" '.oob.link.state == "up"'
    wait_until 20 "that is told, too" eval "history $h | grep -q 'amt-switch is done: AMT is switched on'"
    say "AMT was switched off and on by the agent."

    api PATCH "/v1/projects/default/compute/hosts/$h" -H 'Content-Type: application/json' \
        -d '{"desiredAmtState":"AMT_STATE_UNPROVISIONED"}' >/dev/null
    wait_until 60 "the node is out of management" host_is "$h" '.currentAmtState == "AMT_STATE_UNPROVISIONED"'
    wait_until 20 "the agent sees it, too" host_is "$h" '.oob.agent.controlMode == 0'
    say "Deactivated: $(host "$h" .oob.provisioning.text)"
    agent_stop $n
    grep -rq 'oek-' "$WORK/outbandd.log" "$WORK/agent-$n/log" && fail "a key is in a log"
    return 0
}
