# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: KVM Session WebSocket Disconnected When Idle or During MPS/RPS Restart, scenario 2: restarts and token refresh.
FLOOD=40000000 # bytes; more than are read until the checks are done

# The node's stream is read slowly while $WORK/slow is there, so that it is under way during the whole story.
slowly() {
    while dd bs=65536 count=1 status=none >"$WORK/part" && [ -s "$WORK/part" ]; do
        cat "$WORK/part"
        [ ! -e "$WORK/slow" ] || sleep 0.05
    done
}
# Numbers, one after the other, for as long; what was typed is kept.
typing() {
    local i=0
    while [ -e "$WORK/slow" ]; do
        printf '%0199d ' $((i += 1))
        sleep 0.02
    done
}

# sol_open JOB NODE ENDED: with its consent code given at once, and logged in
sol_open() {
    on_pipes "$1" set host "$2" --session-type sol --session-state start --consent-code "$3"
    wait_until 15 "the SOL session of $2 is open" session_is "$2" sol '.state == "active"'
    type_in "$1" '\r'
    shows "$1" "$2 login:"
    type_in "$1" 'root\rx\r'
    shows "$1" "root@$2"
}

flood_over() { tail -c 300 "$WORK/$1.screen" | grep -aq "flood: $2 bytes, sha256"; }
# flooded JOB N: the N bytes that the node sent and the checksum that it told agree with what came
flooded() {
    local at told got
    wait_until 60 "the end of $2 bytes" flood_over "$1" "$2"
    told=$(grep -aoE "flood: $2 bytes, sha256 [0-9a-f]{64}" "$WORK/$1.screen" | tail -n 1 | tail -c 65)
    at=$(grep -abo "flood $2" "$WORK/$1.screen" | tail -n 1 | cut -d: -f1)
    got=$(tail -c +$((at + ${#2} + 9)) "$WORK/$1.screen" | head -c "$2" | sha256sum | cut -c1-64)
    [ "$told" = "$got" ] || fail "$2 bytes of the node: it sent $told, $got came"
}

pictures() { screen viewer | grep '^pictures' | tail -n 1; }
more_pictures() { [ "$(pictures)" != "$1" ]; }
sum_of() { sha256sum "$1" | cut -c1-64; }

# undisturbed WHAT: the three streams go on as the same sessions, and no byte of them is wrong
undisturbed() {
    local now
    wait_until 10 "pictures come after $1" more_pictures "$(pictures)"
    now=$(ctl sessions '*' | grep -oE 'node[0-9]+ (kvm|sol) since=[^ ]+')
    [ "$now" = "$OPEN" ] || fail "after $1 other sessions are open at the firmware: $now"
    tail -c 300 "$WORK/down.screen" | grep -aq 'flood: ' && fail "the stream was over before $1"
    [[ $(pictures) == *" wrong 0" ]] || fail "the picture is wrong after $1: $(pictures)"
    [ "$(said down; said bridge; said up)" = "$SAID" ] || fail "something was said about $1: $(said down; said bridge; said up)"
    say "  $1: the sessions do not notice."
}

# more_lines N FILE PATTERN
more_lines() { [ "$(grep -c -- "$3" "$WORK/$2")" -gt "$1" ]; }
reload() {
    local n what='settings and certificates were read again'
    n=$(grep -c "$what" "$WORK/outbandd.log")
    kill -HUP "$SERVER_PID"
    wait_until 10 "the reload" more_lines "$n" outbandd.log "$what"
}
certificate() { openssl s_client -connect "127.0.0.1:$HTTPS_PORT" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256; }
# another key and certificate of the same root
new_certificate() {
    local d=$WORK/data
    { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$d/server.key" -subj /CN=localhost -out "$WORK/request" 2>/dev/null &&
        openssl x509 -req -in "$WORK/request" -CA "$d/ca.pem" -CAkey "$d/ca.key" -set_serial 4711 -days 90 \
            -extfile <(echo 'subjectAltName=DNS:localhost') -out "$d/server.pem" 2>/dev/null; } || fail "openssl"
}

live() {
    local before
    undisturbed "nothing at all"
    printf '%s\n' '[session]' 'kvm_idle = 20m' >"$WORK/outband.conf"
    reload
    undisturbed "a reload of the settings"
    before=$(certificate)
    new_certificate
    reload
    { [ -n "$before" ] && [ "$before" != "$(certificate)" ]; } || fail "the certificate was not replaced"
    undisturbed "a new certificate of the server"
    printf 'Another-Passw0rd\n' >"$WORK/amt"
    cli set host node001 node002 --amt-password-file "$WORK/amt" >/dev/null || fail "orch-cli set host --amt-password-file"
    undisturbed "a change of the AMT password known to the server"
    for i in 1 2; do
        cut -d, -f8 "$WORK/nodes.csv" | sed -n $((i + 1))p >"$WORK/amt"
        cli set host node00$i --amt-password-file "$WORK/amt" >/dev/null || fail "orch-cli set host --amt-password-file"
    done
    cp -r "$WORK/second" "$WORK/third"
    ORCH_CLI_CONFIG=$WORK/third cli logout >/dev/null || fail "orch-cli logout"
    ORCH_CLI_CONFIG=$WORK/second cli summary >/dev/null 2>&1 && fail "the token is still good"
    undisturbed "the end of the token that one of them was opened with"

    rm "$WORK/slow"
    wait "${JOB[typist]}"
    unset "JOB[typist]"
    type_in up '\x04'
    shows up 'sum: [0-9]+ bytes, sha256' 30
    [ "$(screen up | grep -oE 'sha256 [0-9a-f]{64}' | tail -c 65)" = "$(sum_of "$WORK/typed")" ] || fail "what was typed came wrong: $(screen up | tail -n 3)"
    flooded down $FLOOD
    say "Not one byte was lost: $FLOOD bytes of node001's SOL, $(stat -c %s "$WORK/typed") bytes to node003's, $(pictures | cut -d' ' -f2) pictures and as many keys of node002's KVM."
    kill "${JOB[up]}"
    ends up
}

# restarted SIGNAL WHY: the server goes and comes, the sessions come back by themselves
restarted() {
    local n
    n=$(grep -c ': back after' "$WORK/down.said")
    server_stop "$1"
    sleep 1
    server_start
    wait_until 60 "the SOL session is back" more_lines "$n" down.said 'node001: back after.*The server was restarted at'
    wait_until 60 "the KVM session is back" more_lines "$n" bridge.said 'node002: back after.*The server was restarted at'
    say "$2 and started again: both sessions are taken up by themselves, and say why they were away:"
    said down | tail -n 2 | sed 's/^/    /'
    said bridge | tail -n 2 | sed 's/^/    /'
    said down | grep -q 'onsent code' && fail "a code was asked for"
    for i in 1 2; do ctl consent "$i" | grep -q 'state=in-session' || fail "the firmware: $(ctl consent "$i")"; done
    type_in down "root\\rx\\rflood $3\\r" # the simulated serial line begins anew with each session
    flooded down "$3"
    n=$(pictures)
    wait_until 10 "pictures come again" more_pictures "$n"
    n=$(pictures)
    sleep 1
    wait_until 10 "pictures come again" more_pictures "$n"
    [ "$(pictures | cut -d' ' -f4)" = "$(cut -d' ' -f4 <<<"$n")" ] || fail "the picture is wrong after the restart: $(pictures)"
    kill -0 "${JOB[viewer]}" || fail "the viewer was disconnected"
    say "  No code was wanted (inside the reuse time), SOL carries $3 bytes more, the viewer has kept its connection and has its picture."
}

story() {
    world 3 --ccm 3 --reconnect 500-2000
    { ctl kvm 2 size 320x200 && ctl kvm 2 still on; } >/dev/null || fail "ctl kvm"
    for i in 1 2 3; do ctl consent-code $i 00010$i >/dev/null || fail "ctl consent-code"; done
    touch "$WORK/slow"
    mkfifo "$WORK/down.pipe"
    slowly <"$WORK/down.pipe" >"$WORK/down.screen" &
    SINK=$WORK/down.pipe sol_open down node001 000101
    bridge_open node002 types --consent-code 000102
    ORCH_CLI_CONFIG=$WORK/second cli_login
    ORCH_CLI_CONFIG=$WORK/second sol_open up node003 000103
    say "Three nodes in client control mode; SOL of node001 sends, SOL of node003 is typed to, KVM of node002 does both."
    type_in down "flood $FLOOD\\r"
    type_in up 'sum\r'
    shows up '^root.*sum'
    typing | tee "$WORK/typed" >"$WORK/up.keys" &
    JOB[typist]=$!
    shows viewer '^pictures'
    OPEN=$(ctl sessions '*' | grep -oE 'node[0-9]+ (kvm|sol) since=[^ ]+')
    SAID=$(said down; said bridge; said up)
    live
    restarted TERM "The server is stopped (SIGTERM)" 300000
    restarted KILL "The server is killed (SIGKILL)" 300001
    kill "${JOB[down]}" "${JOB[viewer]}"
    ends bridge
}
