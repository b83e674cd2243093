# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A node's agent enrols by a key, speaks for its host and no other, renews nothing by itself after it was revoked.
story() {
    server_init
    mkdir "$WORK/mei"
    server_start
    fleet_start 2 --mei "$WORK/mei"
    cli_login
    cli create host --import-from-csv "$WORK/nodes.csv" >/dev/null || fail "import of nodes.csv"
    wait_until 60 "both links are up" test_summary '.link.up == 2'
    local n=node001 code id
    agent_config $n
    agent_config node002

    agent $n run >"$WORK/out" 2>&1
    code=$?
    [ $code = 78 ] || fail "run without an identity ended with $code"
    grep -q 'pm-agent enrol' "$WORK/out" || fail "it does not say what to do: $(cat "$WORK/out")"
    printf 'oek-nonsense\n' >"$WORK/agent-$n/key"
    agent $n enrol >"$WORK/out" 2>&1 && fail "enrolled by nonsense"
    say "A wrong key: $(head -n 1 "$WORK/out")"

    enrolment_key site 2 "$WORK/agent-$n/key"
    agent $n enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    say "pm-agent enrol: $(cat "$WORK/out")"
    grep -q "enrolled as $n " "$WORK/out" || fail "it is not the host that was imported"
    [ "$(stat -c %a "$WORK/agent-$n/state/identity.json")" = 600 ] || fail "the identity can be read by others"
    agent $n enrol >"$WORK/out" 2>&1 && fail "enrolled twice"

    agent_run $n
    wait_until 20 "the agent is there" host_is $n '.oob.agent.here'
    wait_until 20 "the agent told the firmware's state" host_is $n '.oob.agent.mei.state == "ready"'
    say "The agent tells: $(host $n '"firmware \(.oob.agent.firmwareVersion), control mode \(.oob.agent.controlMode), \(.oob.agent.serialConsole.text)"')"
    host_is $n '.oob.agent.serialConsole.tty | startswith("ttyS")' || fail "no AMT serial port was found"

    # the identity opens nothing but the agent's own door
    jq -r .certificate "$WORK/agent-$n/state/identity.json" >"$WORK/cert.pem"
    jq -r .key "$WORK/agent-$n/state/identity.json" >"$WORK/key.pem"
    code=$(curl -s -o "$WORK/out" -w '%{http_code}' --cacert "$WORK/data/ca.pem" --cert "$WORK/cert.pem" --key "$WORK/key.pem" \
        "https://localhost:$HTTPS_PORT/v1/projects/default/compute/hosts")
    [ "$code" = 403 ] || fail "an agent's certificate opened the list of hosts: $code"

    # the same key, another machine; then it is used up
    cp "$WORK/agent-$n/key" "$WORK/agent-node002/key"
    agent node002 enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    agent node002 run --once >"$WORK/out" 2>&1 || fail "one turn of node002: $(cat "$WORK/out")"
    host_is node002 '.oob.agent.here' || fail "node002 was not heard"

    # going down: by whom, and a policy that respects it
    cli set host $n --recovery-policy respect-local >/dev/null || fail "recovery policy"
    echo stopping >"$WORK/agent-$n/system"
    echo '12 poweroff.target start waiting' >"$WORK/agent-$n/jobs"
    agent $n announce auto >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    ctl os-shutdown 1 >/dev/null || fail "ctl os-shutdown"
    wait_until 5 "the shutdown is told with its cause" eval "history $n | grep -q 'Shut down locally by uid 1000 (anna): poweroff'"
    wait_until 60 "the policy respects it" host_is $n '.oob.decision.reason == "local-shutdown"'
    say "$(host $n .oob.decision.why)"

    # the server starts anew: the agent comes back by itself
    server_stop
    server_start
    wait_until 40 "the agent is there again" host_is $n '.oob.agent.here'
    rm -f "$WORK/token"

    # revoked: out at once, and back by a person's hand only
    cli delete agent $n --yes >/dev/null || fail "orch-cli delete agent"
    host_is $n '.oob.agent == null' || fail "the agent is not gone"
    agent $n run --once >"$WORK/out" 2>&1
    code=$?
    [ $code = 77 ] || fail "a revoked agent ended with $code: $(cat "$WORK/out")"
    say "Revoked: $(head -n 1 "$WORK/out")"
    rm "$WORK/agent-$n/state/identity.json"
    agent $n enrol >"$WORK/out" 2>&1 && fail "a used-up key enrolled"
    enrolment_key again 1 "$WORK/agent-$n/key"
    agent $n enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    id=$(host $n .resourceId)
    grep -q "$id" "$WORK/out" || fail "it is another host now"
    agent_stop $n
    grep -rq 'oek-' "$WORK/outbandd.log" "$WORK/agent-$n/log" && fail "a key is in a log"
    say "Enrolled anew by a fresh key, as the same host."
}
