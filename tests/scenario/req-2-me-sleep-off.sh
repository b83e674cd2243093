# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: Soft off, the BIOS configuration: "ME on in Host Sleep Status".
story() {
    world 2 --bios me-in-sleep=off:1
    local n=node001
    wait_until 60 "the power package is read" host_is $n '.oob.findings | map(.id) | index("drops-at-s5")'
    say "Before anything happened: $(finding $n drops-at-s5 | cut -d'|' -f1)"
    ctl os-shutdown 1 >/dev/null
    say "shutdown now on a node whose BIOS keeps the ME off in sleep states."
    wait_until 30 "the tunnel drops at S5" host_is $n '.oob.link.state == "down"'
    say "The tunnel dropped: $(host $n .powerStatus)"
    finding $n drops-at-s5 | grep -q "ME on in Host Sleep Status" || fail "the finding does not name the BIOS setting"
    finding $n drops-at-s5 | grep -q "Advanced -> Power -> ME Configuration -> Power Control" || fail "the finding does not give the path"
    say "Remedy: $(finding $n drops-at-s5 | cut -d'|' -f2)"
    cli set host $n --power on >"$WORK/out" 2>&1 && fail "a power-on cannot be sent"
    say "orch-cli set host $n --power on: $(head -n 1 "$WORK/out")"
    cli doctor host $n | grep -q "ME on in Host Sleep Status" || fail "doctor does not show the remedy"
    finding node002 drops-at-s5 | grep -q . && fail "the healthy node has the finding, too"
    return 0
}
