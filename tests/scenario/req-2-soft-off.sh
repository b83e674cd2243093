# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: Soft off - Shutdown Auto-Recovery.
story() {
    world 2
    local n=node001 id t0 t1
    id=$(host $n .resourceId)
    say "Node on, desired POWER_STATE_ON."
    t0=$(now_ms)
    ctl os-shutdown 1 >/dev/null || fail "ctl os-shutdown"
    say "sudo shutdown now: the operating system shuts down; the firmware stays powered in S5."
    wait_until 45 "the mismatch is told" eval 'history '"$id"' | grep -q "mismatch between desired and current power state"'
    t1=$(now_ms)
    say "After $(((t1 - t0) / 1000)) s: $(history "$id" | grep 'mismatch between' | tail -n 1)"
    host_is $n '.oob.link.state == "up" and .oob.link.generation == 1' || fail "the CIRA link must stay up in S5"
    wait_until 60 "the node is on again" host_is $n '.oob.power.state == "on" and .oob.decision.reason == "as-desired"'
    t1=$(now_ms)
    say "On again after $(((t1 - t0) / 1000)) s."
    [ $((t1 - t0)) -lt 60000 ] || fail "recovery took $((t1 - t0)) ms, must be under 60 s"
    wait_until 5 "the history has it (events are written lazily)" eval "history $id | grep -q ' recovered: '"
    say "The history tells detection, power-on and confirmation with their times:"
    history "$id" | sed 's/^/    /'
    history "$id" | grep -q 'operation: .*(power on) done: on observed' || fail "no confirmed power-on in the history"
    ctl stats | tr ' ' '\n' | grep -E '^power_on=' || true
    host_is node002 '.oob.power.state == "on"' || fail "the other node was touched"
}
