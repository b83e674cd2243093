# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: SMBIOS UUID and ME UUID Mismatch: placeholder and shared UUIDs do not hinder anything.
story() {
    world 4 --uuid placeholder:2
    local a=node001 b=node002 ga gb
    say "Two nodes whose firmware says 03000200-0400-0500-0006-000700080009, two with UUIDs of their own."
    host_is $a '.oob.aliases.seenUuid == "03000200-0400-0500-0006-000700080009"' || fail "seen UUID of $a: $(host $a .oob.aliases.seenUuid)"
    ga=$(host $a .oob.link.generation) gb=$(host $b .oob.link.generation)
    finding $a uuid-placeholder | grep -q "factory placeholder" || fail "finding uuid-placeholder"
    say "Finding: $(finding $a uuid-placeholder | cut -d'|' -f1)"
    ctl uuid 3-4 7a7a7a7a-1111-2222-3333-444444444444 >/dev/null || fail "ctl uuid"
    wait_until 30 "two nodes with one UUID are seen" host_is node004 '.oob.findings | map(.id) | index("uuid-duplicate")'
    wait_until 30 "both are linked" test_summary '.link.up == 4'
    say "Finding: $(finding node003 uuid-duplicate | cut -d'|' -f1)"
    cli set host $a --power off --wait --timeout 60 >/dev/null || fail "power off of $a"
    host_is $a '.oob.power.state == "off"' || fail "$a is not off"
    host_is $b '.oob.power.state == "on"' || fail "the twin $b was switched instead"
    say "orch-cli set host $a --power off: $a is off, its twin $b still on."
    cli set host $a --power on --wait --timeout 60 >/dev/null || fail "power on of $a"
    sleep 3
    [ "$(host $a .oob.link.generation)" = "$ga" ] && [ "$(host $b .oob.link.generation)" = "$gb" ] || fail "the tunnels flap"
    say "No flapping: generations are still $ga and $gb."
    api PATCH "/v1/projects/default/compute/hosts/$a" -H 'Content-Type: application/json' \
        -d '{"uuid":"5b006b9c-09bf-0000-0000-000000000000"}' >/dev/null
    finding $a uuid-mismatch | grep -q "5b006b9c-09bf-0000-0000-000000000000" || fail "finding uuid-mismatch"
    say "Finding: $(finding $a uuid-mismatch | cut -d'|' -f1)"
    cli set host $a --power reset --wait --timeout 60 >/dev/null || fail "power operations must work in spite of the mismatch"
    say "Power operations work in spite of the mismatch."
}
