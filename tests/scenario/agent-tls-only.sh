# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A firmware that speaks nothing but TLS on its local ports (AMT 19): set up through the agent, and asked at the node whom it dials.
story() {
    local n=node001 root told
    server_init
    mkdir "$WORK/mei"
    # shellcheck disable=SC2119
    server_start
    fleet_start 1 --mei "$WORK/mei" --unprovisioned --profile A19 --latency 0
    cli_login
    enrol $n
    rpc $n amtinfo --json | jq -e '.tlsEnforced and .mps == null' >/dev/null || fail "before: $(rpc $n amtinfo --json)"
    want_amt "$ID" provisioned ccm
    link_up "$ID"
    say "An AMT 19 was activated through its agent, over TLS inside the node."

    root=$(openssl x509 -in "$WORK/data/ca.pem" -outform DER | sha256sum | cut -d' ' -f1)
    told=$(rpc $n amtinfo --json | jq -r '"\(.mps.port) \(.mps.rootSha256[0] // "" | ascii_downcase)"')
    [ "$told" = "$CIRA_PORT $root" ] || fail "rpc amtinfo reads \"$told\", not \"$CIRA_PORT $root\""
    rpc $n amtinfo | grep -q '^MPS root' || fail "the text has no MPS root"
    say "rpc amtinfo reads port and root of its server through TLS: $told."
    wait_until 20 "the agent reads them, too" host_is "$ID" ".oob.agent.mps.rootSha256 == \"$root\" and (.oob.agent.mps.address | length > 0)"
    host_is "$ID" '[.oob.findings[]? | select(.id | test("foreign"))] == []' || fail "its own server is foreign to it"
    ctl prov 1 | grep -q 'tls-local=on' || fail "the node takes the clear inside: $(ctl prov 1)"
    say "So does its agent."
}
