# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: Sol session did not got os prompt after successful connection established.
story() {
    world 1
    local n=node001 t0 t1
    ctl getty 1 off >/dev/null || fail "ctl getty"
    say "No login runs on the node's AMT serial port."
    t0=$(now_ms)
    on_terminal sol set host $n --session-type sol --session-state start
    shows sol "the serial console of $n"
    say "orch-cli set host $n --session-type sol --session-state start: the session is open, the screen stays empty."
    shows sol 'serial-getty@'
    t1=$(now_ms)
    say "After $(((t1 - t0) / 1000)) s orch-cli says why, and what to do:"
    tell sol 'serial-getty@'
    [ $((t1 - t0)) -ge 5000 ] || fail "told after $((t1 - t0)) ms; 5 s without a byte is what it must wait for"
    [ $((t1 - t0)) -lt 12000 ] || fail "told after $((t1 - t0)) ms, must be 5 s and a little"
    finding $n sol-mute | grep -q 'no login runs on the AMT serial port' || fail "finding sol-mute is missing"
    finding $n sol-mute | grep -q 'sudo systemctl enable --now serial-getty@ttyS' || fail "sol-mute has no remedy"
    cli doctor host $n >"$WORK/doctor" || fail "orch-cli doctor host"
    grep -q 'serial-getty@' "$WORK/doctor" || fail "orch-cli doctor does not tell it"
    say "orch-cli doctor host $n has the finding sol-mute: $(finding $n sol-mute)"
    host_is $n '.oob.link.state == "up" and .oob.power.state == "on"' || fail "the node is well otherwise"

    ctl getty 1 on >/dev/null || fail "ctl getty"
    say "systemctl enable --now serial-getty@ttyS4.service on the node."
    type_in sol '\r'
    shows sol "$n login:" 10
    say "The prompt is there, in the same session: $(screen sol | grep -a 'login:' | tail -n 1)"
    wait_until 5 "the finding is gone" eval "[ -z \"\$(finding $n sol-mute)\" ]"
    say "The finding is gone."
    type_in sol 'root\rx\runame\r'
    shows sol "^Linux $n .*simulated" 10
    type_in sol '\r~.'
    ends sol
    [ "$ENDED" = 0 ] || fail "orch-cli ended with $ENDED"
    on_terminal again set host $n --session-type sol --session-state start
    shows again "$n login:|root@$n" 10
    sleep 5.5
    on_screen again 'serial-getty' && fail "a console that answers is told to be mute"
    say "A new session is not told to be mute."
    type_in again '\r~.'
    ends again
}
