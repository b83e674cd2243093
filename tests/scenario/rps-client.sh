# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A client of the RPS protocol that shares no code with ours, as the public rpc-go is one, activates a node; and is told why not.
foreign() { # NODE PROFILE KEY-FILE: what it says is in $WORK/said, its exit code in $CODE
    timeout 30 node tests/scenario/rps-client.mjs "wss://localhost:$HTTPS_PORT/activate" "$WORK/data/ca.pem" "$WORK/mei/$1" "$2" "$3" >"$WORK/said" 2>&1
    CODE=$?
}
expect() { # CODE PATTERN
    [ "$CODE" = "$1" ] || fail "the client ended with $CODE, not $1: $(cat "$WORK/said")"
    grep -qE -- "$2" "$WORK/said" || fail "\"$2\" is not said: $(cat "$WORK/said")"
}
hosts() { api GET /v1/projects/default/compute/hosts | jq .totalElements; }
uses() { api GET "/v1/projects/default/enrolmentkeys/$1" | jq .uses; }

story() {
    server_init
    mkdir "$WORK/mei"
    # shellcheck disable=SC2119
    server_start
    fleet_start 2 --unprovisioned --mei "$WORK/mei" --latency 0
    cli_login
    enrolment_key once 1 "$WORK/key"

    foreign node001 no-such-profile "$WORK/key"
    expect 1 '^error failed: there is no profile "no-such-profile" in the project default'
    say "A wrong profile: $(cat "$WORK/said")"
    [ "$(hosts) $(uses once)" = "0 0" ] || fail "a refused activation made $(hosts) hosts and used the key $(uses once) times"
    printf 'oek-%032d\n' 0 >"$WORK/wrong"
    foreign node001 default_ccm "$WORK/wrong"
    expect 1 '^refused 401: the enrolment key is not valid'
    say "A wrong key: $(cat "$WORK/said")"
    ctl prov 1 | grep -q 'mode=none .*setups=0 ' || fail "the firmware was touched: $(ctl prov 1)"

    foreign node001 default_ccm "$WORK/key"
    expect 0 '^success success: '
    grep -qx 'Activation: Success' "$WORK/said" || fail "Components: $(cat "$WORK/said")"
    say "Activated: $(tr '\n' ';' <"$WORK/said")"
    ctl prov 1 | grep -q 'mode=ccm .*setups=1 ' || fail "the firmware: $(ctl prov 1)"
    # the server has the firmware close its connections: a client that waits for the end of an answer never waits in vain
    [ "$(sed -n 's/^requests \([0-9]*\) waits .*/\1/p' "$WORK/said")" -gt 20 ] || fail "so few requests: $(cat "$WORK/said")"
    grep -q '^requests [0-9]* waits 0 ms' "$WORK/said" || fail "the client waited 100 ms for nothing: $(cat "$WORK/said")"
    [ "$(hosts) $(uses once)" = "1 1" ] || fail "there are $(hosts) hosts, and $(uses once) uses"
    wait_until 30 "its tunnel is up" test_summary '.link.up == 1'
    wait_until 20 "its power is read" test_summary '.power.unknown == 0'
    say "Its tunnel is up, and its power is read."

    foreign node002 default_ccm "$WORK/key"
    expect 1 '^error failed: the enrolment key is not valid'
    say "A key that is used up: $(cat "$WORK/said")"
    foreign node001 default_ccm "$WORK/key"
    expect 1 '^error failed: the enrolment key is not valid'
    ctl prov 2 | grep -q 'mode=none .*setups=0 ' || fail "the firmware was touched: $(ctl prov 2)"
    [ "$(hosts)" = 1 ] || fail "a refused activation made a host"
}
