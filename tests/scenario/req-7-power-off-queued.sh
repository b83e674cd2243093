# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: Power Off Queued During Active KVM or SOL Session.
operation() { api GET "/v1/projects/default/compute/operations/$1" | jq -r "$2"; }
operation_is() { [ "$(operation "$1" "$2")" = true ]; }
is_off() { host_is "$1" '.oob.power.state == "off"'; }

# power_off NODE [options…]: accepted at once; its operation is in $OP
power_off() {
    local n=$1
    shift
    cli set host "$n" --power off -o json "$@" >"$WORK/op" 2>"$WORK/op.said" || fail "the power-off of $n was not accepted: $(cat "$WORK/op" "$WORK/op.said")"
    OP=$(jq -r .id "$WORK/op")
    [[ $OP == op-* ]] || fail "no operation in $(cat "$WORK/op")"
}

# waits NODE KIND NAME: the operation waits visibly, everywhere
waits() {
    local n=$1 kind=$2 name=$3 id
    id=$(session "$n" "$kind" .id)
    wait_until 5 "$OP waits for the session" operation_is "$OP" '.state == "waiting" and .code == "session"'
    operation "$OP" .text | grep -q "$id by admin since" || fail "the operation does not name its holder: $(operation "$OP" .)"
    finding "$n" power-blocked-by-session | grep -q "$id by admin since" || fail "finding power-blocked-by-session is missing or names nobody"
    shows "$name" 'A power off by admin waits for the end of this session, until [0-9:]{8}' 5
    host_is "$n" '.oob.power.state == "on"' || fail "$n must stay on during the session"
}

sol_open() {
    on_pipes "$1" set host "$2" --session-type sol --session-state start
    wait_until 15 "the SOL session of $2 is open" session_is "$2" sol '.state == "active"'
    type_in "$1" '\r'
    shows "$1" "$2 login:"
}

stopped() {
    local n=$1
    bridge_open "$n" quiet
    say "$n: a KVM session is open and shown. orch-cli set host $n --power off:"
    power_off "$n"
    waits "$n" kvm bridge
    say "  $(operation "$OP" '"\(.state) (\(.code)): \(.text)"')"
    say "  The session's user is told: $(on_screen bridge 'A power off by' | tail -n 1)"
    say "  orch-cli doctor host $n: $(finding "$n" power-blocked-by-session)"
    cli operations --state waiting >"$WORK/list" || fail "orch-cli operations"
    grep -q "$OP" "$WORK/list" || fail "orch-cli operations --state waiting does not show it"
    sleep 2
    { host_is "$n" '.oob.power.state == "on"' && [ "$(machine "$n" requests)" = 0 ]; } || fail "something was sent to the firmware during the session"
    cli set host "$n" --session-type kvm --session-state stop || fail "--session-state stop"
    wait_until 20 "$n is off" is_off "$n"
    operation_is "$OP" '.state == "done"' || fail "the operation ended otherwise: $(operation "$OP" .)"
    [ -z "$(finding "$n" power-blocked-by-session)" ] || fail "the finding must be gone"
    ends bridge
    say "  The session is stopped by orch-cli: the power-off runs by itself, and $n is off."
}

killed() {
    local n=$1
    sol_open sol "$n"
    power_off "$n"
    waits "$n" sol sol
    kill -KILL "${JOB[sol]}"
    wait "${JOB[sol]}" 2>/dev/null
    unset "JOB[sol]"
    wait_until 20 "$n is off" is_off "$n"
    say "$n: the client of a SOL session is killed while a power-off waits: it runs by itself, and $n is off."
    session_is "$n" sol '.state == "interrupted" and .resumable' || fail "the session could be resumed: $(session "$n" sol .)"
}

forced() {
    local n=$1
    sol_open forced "$n"
    power_off "$n" --force
    shows forced 'ended for a forced power operation by admin' 10
    ends forced
    [ "$ENDED" != 0 ] || fail "a session that was ended by force must not look well"
    session_is "$n" sol '.state == "ended" and .reason == "power-forced"' || fail "the session: $(session "$n" sol .)"
    wait_until 20 "$n is off" is_off "$n"
    say "$n: with --force the session is ended first: $(on_screen forced 'forced power operation' | tail -n 1)"
}

given_back() {
    local n=$1 op
    sol_open kept "$n"
    power_off "$n"
    waits "$n" sol kept
    host_is "$n" '.desiredPowerState == "POWER_STATE_OFF"' || fail "the intent must be off while the operation waits"
    cli cancel operation "$OP" >/dev/null || fail "orch-cli cancel operation"
    shows kept 'no power operation waits for the end of this session any more' 5
    operation_is "$OP" '.state == "cancelled"' || fail "the operation: $(operation "$OP" .)"
    host_is "$n" '.desiredPowerState == "POWER_STATE_ON"' || fail "a cancelled operation must give the intent back"
    say "$n: a waiting power-off is cancelled: the session goes on, the node is to be on again."
    op=$OP
    power_off "$n" --timeout 10
    [ "$OP" != "$op" ] || fail "the same operation"
    waits "$n" sol kept
    wait_until 20 "the operation expires" operation_is "$OP" '.state == "expired"'
    host_is "$n" '.desiredPowerState == "POWER_STATE_ON"' || fail "an expired operation must give the intent back"
    say "$n: another one is given 10 s, and expires: $(operation "$OP" .text)"
    session_is "$n" sol '.state == "active"' || fail "the session must go on: $(session "$n" sol .)"
    kill -TERM "${JOB[kept]}"
    ends kept
    sleep 3
    host_is "$n" '.oob.power.state == "on"' || fail "what was cancelled and expired must not run after the session"
    say "  The session has ended: nothing is switched off by what is over."
}

# machine NODE FIELD: a count of the simulated machine
machine() { ctl state "$1" | grep -oE " $2=[0-9]+" | tr -dc 0-9; }

story() {
    world 4
    ctl consent-policy '*' none >/dev/null || fail "ctl consent-policy" # it is another story
    stopped node001
    killed node002
    forced node003
    given_back node004
    say "The firmware was never asked for a power-off during a session: it refused none."
    for n in node001 node002 node003 node004; do
        ctl state "$n" | sed -n 's/^\t/    /p'
        [ "$(machine "$n" refused)" = 0 ] || fail "$n refused a power request"
    done
    [ "$(machine node004 requests)" = 0 ] || fail "node004 was asked for power"
}
