# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: KVM Session WebSocket Disconnected When Idle or During MPS/RPS Restart, scenario 1: an idle session.
# the SessionTimeout (minutes) that the firmware itself has, read from it by WS-MAN
firmware_timeout() {
    local ns=http://intel.com/wbem/wscim/1/ips-schema/1/IPS_KVMRedirectionSettingData
    curl -sS --digest -u "admin:$(cut -d, -f8 "$WORK/nodes.csv" | sed -n 2p)" "http://$(ctl list 1 | grep -oE 'direct=[^ ]+' | cut -d= -f2)/wsman" \
        -H 'Content-Type: application/soap+xml;charset=UTF-8' -d '<?xml version="1.0"?><Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"
        xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><Header>
        <a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action><a:To>/wsman</a:To><w:ResourceURI>'"$ns"'</w:ResourceURI>
        <a:MessageID>1</a:MessageID><a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>
        </Header><Body/></Envelope>' | grep -oE 'SessionTimeout>[0-9]+' | tr -dc 0-9
}
firmware_follows() { [ "$(firmware_timeout)" = 2 ]; }
firmware_is_free() { ! ctl sessions 1 | grep -q kvm; }

story() {
    local n=node001 t0 t1
    server_init
    server_start '[session]' 'kvm_idle = 8s' 'idle_warning = 4s'
    fleet_start 1 --listen-direct 127.0.0.1:0
    cli_login
    cli create host --import-from-csv "$WORK/nodes.csv" >/dev/null || fail "import of nodes.csv"
    wait_until 60 "the node is linked and on" host_is $n '.oob.power.state == "on"'
    ctl consent-policy 1 none >/dev/null || fail "ctl consent-policy" # it is another story
    say "The setting session.kvm_idle is 8 s here (30 min by default), and the warning comes 4 s before."
    say "The firmware's own SessionTimeout is $(firmware_timeout) min."
    t0=$(now_ms)
    bridge_open $n quiet
    wait_until 5 "the firmware's SessionTimeout follows" firmware_follows
    say "A KVM session is open. SessionTimeout is $(firmware_timeout) min now: longer than the setting, so that the server speaks first."
    shows bridge 'the session ends in [0-9]+ s for want of input' 10
    t1=$(now_ms)
    say "After $(((t1 - t0) / 1000)) s without input the user is warned: $(said bridge | grep 'want of input')"
    finding $n kvm-idle | grep -q 'it will be ended' || fail "finding kvm-idle is missing"
    type_in viewer 'a key\n'
    wait_until 3 "the finding is gone" eval "[ -z \"\$(finding $n kvm-idle)\" ]"
    t0=$(now_ms)
    sleep 5
    session_is $n kvm '.state == "active"' || fail "input must save the session: $(session $n kvm .)"
    say "A key is pressed: the session goes on."
    ends bridge 15
    t1=$(now_ms)
    [ $((t1 - t0)) -ge 7000 ] || fail "ended $((t1 - t0)) ms after input, must be 8 s"
    [ "$ENDED" != 0 ] || fail "a session that was ended must not look well"
    say "Nothing is done for $(((t1 - t0) / 1000)) s more, and it is ended: $(said bridge | tail -n 1)"
    said bridge | grep -q "$n: no input for 8 s" || fail "the user is not told why"
    session_is $n kvm '.state == "ended" and .reason == "idle" and .text == "no input for 8 s"' || fail "the session: $(session $n kvm .)"
    shows viewer '^closed' 5
    wait_until 5 "the firmware's side is closed" firmware_is_free
    finding $n kvm-idle | grep -q 'ended because nobody did anything for 8 s' || fail "finding kvm-idle is missing"
    say "orch-cli doctor host $n: $(finding $n kvm-idle)"

    t0=$(now_ms)
    bridge_open $n quiet
    say "A new session is open $(($(now_ms) - t0)) ms after it was asked for."
    [ -z "$(finding $n kvm-idle)" ] || fail "the finding must be gone with the new session"
    kill "${JOB[viewer]}"
    ends bridge
}
