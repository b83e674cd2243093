# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: SMBIOS UUID and ME UUID Mismatch, with the agents: boards of one placeholder AMT UUID side by side, from enrolment to deactivation.
readonly PLACEHOLDER=03000200-0400-0500-0006-000700080009 SMBIOS=5b006b9c-09bf-0000-0000-000000000000

# the same bytes as a node's UUID, in the other order
swapped() { sed -E 's/^(..)(..)(..)(..)-(..)(..)-(..)(..)-/\4\3\2\1-\6\5-\8\7-/' <<<"$1"; }
# what the host NODE executed: how often it was switched
executed() { ctl state "$1" | sed -E 's/ (requests|refused)=[0-9]+//g'; }
generation() { host "$1" .oob.link.generation; }
both_up() { host_is "$A" '.oob.link.state == "up"' && host_is "$B" '.oob.link.state == "up"'; }
is_done() { host_is "$1" '.oob.provisioning.state | IN("done", "failed")'; }

story() {
    local a=node001 b=node002 c=node003 ga gb before
    server_init
    mkdir "$WORK/mei"
    # shellcheck disable=SC2119
    server_start
    fleet_start 5 --unprovisioned --mei "$WORK/mei" --latency 0 --uuid placeholder:2
    cli_login
    ctl uuid 4-5 placeholder >/dev/null || fail "ctl uuid"
    ctl smbios 1 $SMBIOS >/dev/null || fail "ctl smbios"
    ctl smbios 2 5b006b9c-09bf-0000-0000-0000000000aa >/dev/null
    ctl smbios 3 "$(swapped "$(rpc $c amtinfo --json | jq -r .uuid)")" >/dev/null

    enrol $a && A=$ID
    enrol $b && B=$ID
    enrol $c && C=$ID
    test_summary '.total == 3' || fail "three machines are not three hosts: $(cli summary -o json)"
    [ "$A" != "$B" ] && [ "$B" != "$C" ] || fail "two machines are one host"
    say "Two boards with the AMT UUID $PLACEHOLDER and one more enrolled: hosts of their own."
    for h in "$A" "$B"; do
        host_is "$h" ".oob.agent.amtUuid == \"$PLACEHOLDER\"" || fail "the agent of $h told $(host "$h" .oob.agent.amtUuid)"
    done

    order_amt "$A" provisioned ccm
    order_amt "$B" provisioned ccm
    order_amt "$C" provisioned ccm
    for h in "$A" "$B" "$C"; do
        wait_until 40 "the activation of $h ends" is_done "$h"
        host_is "$h" '.oob.provisioning.state == "done"' || fail "$h: $(host "$h" '.oob.provisioning | "\(.text) \(.remedy)"')"
    done
    wait_until 20 "both tunnels are up at once" both_up
    ga=$(generation "$A") gb=$(generation "$B")
    [ "$(host "$A" .oob.aliases.ciraUser)" != "$(host "$B" .oob.aliases.ciraUser)" ] || fail "one CIRA user for two"
    say "Both were activated through their agents; both tunnels are up."

    finding "$A" uuid-mismatch | grep -q "$SMBIOS .*$PLACEHOLDER" || fail "uuid-mismatch: $(finding "$A" uuid-mismatch)"
    finding "$A" uuid-mismatch | grep -q "ME firmware update tools" || fail "the vendor's procedure is not told"
    finding "$B" uuid-placeholder | grep -q "factory placeholder" || fail "uuid-placeholder of $b"
    say "Findings: $(finding "$A" uuid-mismatch | cut -d'|' -f1)"

    wait_until 20 "the power of both is read" eval 'host_is $A ".oob.power.state == \"on\"" && host_is $B ".oob.power.state == \"on\""'
    before=$(executed 2)
    cli set host "$A" --power off --wait --timeout 30 >/dev/null || fail "power off of $a"
    ctl state 1 | grep -q 'host=S5' || fail "$a is not off: $(ctl state 1)"
    [ "$(executed 2)" = "$before" ] || fail "$b was switched, too: $(executed 2)"
    before=$(executed 1)
    cli set host "$B" --power reset --wait --timeout 30 >/dev/null || fail "reset of $b"
    wait_until 10 "$b was reset" eval "ctl state 2 | grep -q \" reset=1\""
    [ "$(executed 1)" = "$before" ] || fail "$a was switched, too: $(executed 1)"
    cli set host "$A" --power on --wait --timeout 30 >/dev/null || fail "power on of $a"
    [ "$(generation "$A") $(generation "$B")" = "$ga $gb" ] || fail "the tunnels flap"
    say "Off, on and reset each reached the one that was meant; the tunnels stand."

    host_is "$C" '.oob.aliases.uuidOrder == "swapped"' || fail "aliases of $c: $(host "$C" .oob.aliases)"
    host_is "$C" '[.oob.findings[]? | select(.id | startswith("uuid-"))] == []' || fail "swapped bytes are told as a finding"
    say "$c, whose SMBIOS tells the AMT UUID in the other byte order: one host, no finding."

    wait_until 20 "the agent of $a is back" host_is "$A" '.oob.agent.here'
    want_amt "$A" unprovisioned
    ctl prov 1 | grep -q 'mode=none' || fail "$a is still set up: $(ctl prov 1)"
    ctl prov 2 | grep -q 'mode=ccm' || fail "$b was taken out of management: $(ctl prov 2)"
    host_is "$B" ".oob.link.state == \"up\" and .oob.link.generation == $gb" || fail "the tunnel of $b did not stand"
    say "Deactivating $a left $b alone."

    # by an enrolment key it is SMBIOS that says which of them it is
    if activate node004 --profile default_ccm >"$WORK/out" 2>&1; then fail "a placeholder and nothing else was taken"; fi
    grep -q 'many machines share' "$WORK/out" || fail "$(cat "$WORK/out")"
    for n in 4 5; do
        activate node00$n --profile default_ccm --sysfs "$WORK/mei/node00$n.sys" >"$WORK/out" 2>&1 || fail "node00$n: $(cat "$WORK/out")"
    done
    test_summary '.total == 5' || fail "hosts: $(cli summary -o json)"
    wait_until 20 "their tunnels are up" test_summary '.link.up == 4'
    say "rpc activate with a key: two more of these boards, told apart by SMBIOS; all four links are up."
}
