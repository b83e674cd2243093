# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A full disk: new orders are refused with a clear error, reads go on, and it recovers by itself.
story() {
    server_init
    printf '[store]\nreserve = 1024GiB\n' >"$WORK/full"
    server_start
    fleet_start 2
    cli_login
    cli create host --import-from-csv "$WORK/nodes.csv" >/dev/null || fail "import"
    wait_until 60 "both are read" test_summary '.link.up == 2 and .power.unknown == 0'
    say "Two nodes are on. Now the disk has no space that the server may use (store.reserve is larger than what is left)."
    server_stop TERM
    server_start "$(cat "$WORK/full")"
    wait_until 60 "both are back" test_summary '.link.up == 2 and .power.unknown == 0'
    cli set host node001 --power off >"$WORK/out" 2>&1 && fail "an order was accepted that cannot be written down"
    say "orch-cli set host node001 --power off: $(head -n 1 "$WORK/out")"
    grep -qi "disk is full" "$WORK/out" || fail "the refusal does not say that the disk is full"
    host_is node001 '.desiredPowerState == "POWER_STATE_ON" and .oob.power.state == "on" and .oob.operation == null' || fail "something changed"
    say "Reads go on: node001 is $(host node001 .oob.power.state), desired $(host node001 .desiredPowerState)."
    curl -sS --cacert "$WORK/data/ca.pem" "https://localhost:$HTTPS_PORT/readyz?verbose" >"$WORK/ready"
    say "readyz: $(tr '\n' ' ' <"$WORK/ready" | head -c 200)"
    server_stop TERM
    server_start
    wait_until 60 "both are back" test_summary '.link.up == 2 and .power.unknown == 0'
    cli set host node001 --power off --wait --timeout 60 >/dev/null || fail "with space again the order must be accepted"
    host_is node001 '.oob.power.state == "off"' || fail "node001 is not off"
    say "With space again the same order is accepted and confirmed."
}
