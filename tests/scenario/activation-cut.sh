# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Whatever breaks during an activation, it ends activated, and the firmware was set up once.
all_done() {
    api GET /v1/projects/default/compute/hosts | jq -e --argjson n "$1" '[.hosts[] | select(.oob.provisioning.state == "done")] | length == $n' >/dev/null
}
story() {
    local i=0 n step when wish
    server_init
    mkdir "$WORK/mei"
    # shellcheck disable=SC2119
    server_start
    fleet_start 6 --unprovisioned --mei "$WORK/mei" --latency 0
    cli_login
    for wish in "setup before" "setup after" "general after" "cira after"; do
        i=$((i + 1))
        n=$(printf 'node%03d' $i)
        read -r step when <<<"$wish"
        ctl prov-drop $i "$step" "$when" >/dev/null || fail "ctl prov-drop $wish"
        # rpc tells how it went; the next run goes on from what the firmware is, unless the tunnel was quicker
        if ! activate "$n" --profile default_ccm >"$WORK/out" 2>&1; then
            activate "$n" --profile default_ccm >"$WORK/out" 2>&1 || grep -q 'provisioned already' "$WORK/out" || fail "$wish: $(cat "$WORK/out")"
        fi
        wait_until 20 "$i activations are done ($wish)" all_done $i
        ctl prov $i | grep -q ' setups=1 ' || fail "$wish: $(ctl prov $i)"
        say "The connection breaks at $step, $when it was executed: activated, set up once."
    done

    say "The server is killed again and again meanwhile."
    ctl latency 6 60-60 >/dev/null || fail "ctl latency"
    activate node006 --profile default_ccm --retries 20 >"$WORK/out" 2>&1 &
    # shellcheck disable=SC2034,SC2154
    JOB[activation]=$!
    for i in 1 2 3 4 5; do
        sleep "0.$((RANDOM % 6 + 2))"
        server_stop KILL
        # shellcheck disable=SC2119
        server_start
    done
    ends activation 60
    [ "$ENDED" = 0 ] || fail "rpc ended with $ENDED: $(cat "$WORK/out")"
    ctl prov 6 | grep -q ' setups=1 ' || fail "kill -9: $(ctl prov 6)"
    wait_until 30 "all five links are up" test_summary '.link.up == 5'
    say "Five times kill -9: activated, set up once, all links are up."
}
