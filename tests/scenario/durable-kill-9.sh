# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# kill -9 of outbandd at any moment loses no acknowledged intent or operation, and nothing is sent twice.
story() {
    world 6 --transition 500
    local i id before after round state
    for round in 1 2 3 4 5 6; do
        # acknowledged orders, then the kill a few milliseconds later
        i=$(printf 'node%03d' "$round")
        state=$([ $((round % 2)) = 0 ] && echo OFF || echo ON)
        [ "$state" = OFF ] && cli set host "$i" --power off >/dev/null 2>&1
        id=$(api POST "/v1/projects/default/compute/hosts/$i/operations" -H 'Content-Type: application/json' \
            -d "{\"kind\":\"$([ "$state" = OFF ] && echo power-off || echo reset)\"}" | jq -r .id)
        [ "${id#op-}" != "$id" ] || fail "operation was not acknowledged: $id"
        before=$(ctl stats | tr ' ' '\n' | sed -n 's/^resets=//p')
        sleep "0.0$round"
        server_stop KILL
        server_start
        rm -f "$WORK/token"
        cli_login
        wait_until 30 "links are back" test_summary ".link.up == 6"
        wait_until 60 "operation $id ends" eval "api GET /v1/projects/default/compute/operations/$id | jq -e '.finishedAt != null'"
        say "round $round: $id $(api GET "/v1/projects/default/compute/operations/$id" | jq -r '"\(.kind) \(.state) \(.code): \(.text)"')"
        after=$(ctl stats | tr ' ' '\n' | sed -n 's/^resets=//p')
        [ "$state" = ON ] && [ $((after - before)) -gt 1 ] && fail "a reset was sent twice"
        [ "$state" = OFF ] && { host_is "$i" '.desiredPowerState == "POWER_STATE_OFF"' || fail "the acknowledged intent is lost"; }
    done
    return 0
}
