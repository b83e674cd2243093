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
    ctl uuid 3-4 7a6b5c4d-1112-2223-3333-444444444444 >/dev/null || fail "ctl uuid"
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

    # the agent reads both UUIDs itself; a swapped byte order is the same machine, and no mismatch
    local smbios swapped
    api PATCH "/v1/projects/default/compute/hosts/$b" -H 'Content-Type: application/json' -d '{"uuid":"5b006b9c-09bf-0000-0000-0000000000aa"}' >/dev/null
    agent_enrol agent2 '{"smbiosUuid":"9c6b005b-bf09-0000-0000-0000000000aa","amtUuid":"03000200-0400-0500-0006-000700080009","vendor":"ASRock"}'
    [ "$(cat "$WORK/agent2.agent.host")" = "$(host $b .resourceId)" ] || fail "the agent enrolled into another host than $b"
    finding $b uuid-mismatch | grep -q 'ask the board.s vendor' || fail "the vendor's procedure is not told"
    say "The agent of $b (SMBIOS UUID in the other byte order) found its host; remedy: $(finding $b uuid-mismatch | cut -d'|' -f2 | cut -c1-120)…"
    smbios=$(host node003 .oob.aliases.seenUuid)
    swapped=${smbios:6:2}${smbios:4:2}${smbios:2:2}${smbios:0:2}-${smbios:11:2}${smbios:9:2}-${smbios:16:2}${smbios:14:2}${smbios:18}
    api PATCH "/v1/projects/default/compute/hosts/node003" -H 'Content-Type: application/json' -d "{\"uuid\":\"$swapped\"}" >/dev/null
    host_is node003 '.oob.aliases.uuidOrder == "swapped"' || fail "swapped byte order of node003: $(host node003 .oob.aliases)"
    [ -z "$(finding node003 uuid-mismatch)" ] || fail "swapped bytes are told as a mismatch"
    say "node003: SMBIOS $swapped, AMT $smbios: the same machine in another byte order, no finding."

    # two rows of one machine are made one, by hand; and taken apart again
    cli create host spare >/dev/null || fail "create spare"
    cli merge host spare $a --yes >/dev/null || fail "merge"
    wait_until 30 "the merged host has the link" host_is spare '.oob.link.state == "up"'
    say "merge host spare $a: spare is $(host spare .oob.aliases.ciraUser) now, its link is $(host spare .oob.link.state)."
    cli split host spare --alias ciraUser,amtUuid --name $a >/dev/null || fail "split"
    wait_until 30 "the split host has the link" host_is $a '.oob.link.state == "up"'
    [ "$(host spare .oob.aliases.ciraUser)" = "" ] || fail "spare kept the CIRA user"
    say "split host spare --alias ciraUser,amtUuid --name $a: $a is connected again."
}
