# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A client of the public MPS's relay that shares no code with ours has the serial console of a node, as the UI toolkit would; and is told
# why not.
A=node001 B=node002

# uuid NODE: its AMT UUID. ses NODE PATH [curl options]: a POST to its sessions; ticket NODE: of a new session
uuid() { sed -n "s/^$1,\([^,]*\),.*/\1/p" "$WORK/nodes.csv"; }
ses() { api POST "/v1/projects/default/compute/hosts/$1/sessions$2" -H 'Content-Type: application/json' "${@:3}"; }
ticket() {
    local id
    id=$(ses "$1" "" -d '{"kind":"sol"}' | jq -er .id) || fail "a session of $1"
    wait_until 5 "the session $id is ready" session_is "$1" sol '.state == "ready"'
    ses "$1" "/$id/ticket" | jq -er .ticket || fail "a ticket of $id"
}
relay_url() { echo "wss://localhost:$HTTPS_PORT/relay/webrelay.ashx?p=2&host=$1&port=16994&tls=0&tls1only=0&mode=$2"; }
# refused STATUS PATTERN TOKEN UUID MODE
refused() {
    local status=$1 pattern=$2 code
    timeout 5 node tests/scenario/relay-client.mjs "$(relay_url "$4" "$5")" "$WORK/data/ca.pem" "$3" </dev/null >"$WORK/refused" 2>&1
    code=$?
    [ "$code" = 1 ] || fail "the client ended with $code: $(cat "$WORK/refused")"
    grep -qE -- "^refused $status: $pattern" "$WORK/refused" || fail "not \"$status: $pattern\": $(cat "$WORK/refused")"
}

# relay_open NODE TOKEN: the client (job `relay`), until its console is open
relay_open() {
    job_files relay
    node tests/scenario/relay-client.mjs "$(relay_url "$(uuid "$1")" sol)" "$WORK/data/ca.pem" "$2" \
        <>"$WORK/relay.keys" >"$WORK/relay.screen" 2>"$WORK/relay.said" &
    # shellcheck disable=SC2034
    JOB["relay"]=$!
    shows relay '^open$'
}

story() {
    local given
    world 2
    given=$(ticket $A) || fail "$given"

    refused 401 "The ticket is not valid: it was used already, has expired, or belongs to another session" "${given%?}$([ "${given: -1}" = 0 ] && echo 1 || echo 0)" "$(uuid $A)" sol
    say "A wrong token: $(cat "$WORK/refused")"
    refused 401 "the ticket is missing or malformed" "" "$(uuid $A)" sol
    refused 401 "The ticket is not valid: it was used already, has expired, or belongs to another session" "$given" "$(uuid $B)" sol
    refused 401 "The ticket is not valid: it was used already, has expired, or belongs to another session" "$given" "$(uuid $A)" kvm
    refused 404 "there is no host with this id or UUID" "$given" 01234567-89ab-cdef-0123-456789abcdef sol
    session_is $A sol '.state == "ready"' || fail "a refused client moved the session: $(session $A sol .)"
    say "None, that of another node, of another kind, and a node that there is not: refused; the right token is still good."

    relay_open $A "$given"
    say "It has started the session and logged in without the password: $(screen relay | tr '\n' ';')"
    session_is $A sol '.state == "active"' || fail "the session: $(session $A sol .)"
    type_in relay '\n'
    shows relay "^$A login: "
    type_in relay 'root\nany\necho 6f7574-62616e64\n'
    shows relay "^root@$A:~# echo 6f7574-62616e64"
    shows relay '^6f7574-62616e64'
    say "The node's console asks, echoes and answers: $(on_screen relay '^root@' | head -n 1)"
    refused 401 "The ticket is not valid: it was used already, has expired, or belongs to another session" "$given" "$(uuid $A)" sol
    say "The token was good once: $(cat "$WORK/refused")"

    type_in relay 'bye\n'
    ends relay 5
    [ "$ENDED" = 0 ] || fail "the client ended with $ENDED: $(screen relay)"
    wait_until 5 "the session has ended" session_is $A sol '.state == "ended" and .reason == "closed"'
    wait_until 5 "the firmware's side is closed" eval "[ \$(ctl sessions $A | grep -c sol) = 0 ]"
    say "Closed by the client: session and the firmware's side are over."

    given=$(ticket $A) || fail "$given"
    relay_open $A "$given"
    cli set host $A --session-type sol --session-state stop >/dev/null || fail "--session-state stop"
    shows relay 'closed 4001 stopped by admin'
    ends relay 5
    say "Another session is stopped from elsewhere, and the client is told: $(screen relay | tail -n 1)"
}
