# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every scenario needs: the real outbandd, amtsim and orch-cli on loopback, in a directory of their own.
# A scenario is a bash file with a function `story`; `tests/scenario/run BUILD NAME` runs it.
set -u -o pipefail

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() {
    printf '%s  FAILED: %s\n' "$(date +%T)" "$*"
    [ -s "$WORK/outbandd.log" ] && { echo "--- last lines of outbandd:"; tail -n 15 "$WORK/outbandd.log"; }
    [ -s "$WORK/amtsim.log" ] && { echo "--- last lines of amtsim:"; tail -n 5 "$WORK/amtsim.log"; }
    exit 1
}

# a story with a word that is none must not go on (bash runs this in a process of its own)
command_not_found_handle() {
    echo "FAILED: there is no command $1"
    kill "$$"
}

# wait_until SECONDS "what" command…: until the command succeeds
wait_until() {
    local limit=$1 what=$2 start=$SECONDS
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - start)) -ge "$limit" ] && fail "not within $limit s: $what"
        sleep 0.1
    done
}

# milliseconds since boot
now_ms() { awk '{ printf "%d", $1 * 1000 }' /proc/uptime; }

server_init() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/outband-scenario.XXXXXX")
    export WORK ORCH_CLI_CONFIG=$WORK/orch-cli NO_COLOR=1
    printf 'Scenario-Passw0rd\n' >"$WORK/password"
    chmod 600 "$WORK/password"
    "$BUILD/src/server/outbandd" init --data-dir "$WORK/data" --admin-password-file "$WORK/password" \
        --hostname localhost >"$WORK/init.log" 2>&1 || { cat "$WORK/init.log"; fail "outbandd init"; }
}

# server_start [settings lines…]: ports stay the same over restarts
# shellcheck disable=SC2120 # most scenarios want no settings
server_start() {
    printf '%s\n' "$@" >"$WORK/outband.conf"
    : >"$WORK/outbandd.out"
    "$BUILD/src/server/outbandd" serve --data-dir "$WORK/data" --config "$WORK/outband.conf" \
        --https "127.0.0.1:${HTTPS_PORT:-0}" --cira "127.0.0.1:${CIRA_PORT:-0}" >"$WORK/outbandd.out" 2>>"$WORK/outbandd.log" &
    SERVER_PID=$!
    wait_until 20 "outbandd listens" grep -q '^listening cira' "$WORK/outbandd.out"
    wait_until 20 "outbandd listens for HTTPS" grep -q '^listening https' "$WORK/outbandd.out"
    HTTPS_PORT=$(sed -n 's/^listening https .*:\([0-9]*\)$/\1/p' "$WORK/outbandd.out" | tail -n 1)
    CIRA_PORT=$(sed -n 's/^listening cira .*:\([0-9]*\)$/\1/p' "$WORK/outbandd.out" | tail -n 1)
}

# site NAME [settings lines…]: a server of its own with its own directory; what is said from now on is said to it. The machine room (amtsim's
# control socket and host interfaces) is the same for all. The first call of a NAME makes it.
declare -A SITES=()
SITE=
site() {
    [ -n "$SITE" ] && SITES[$SITE]="$WORK ${HTTPS_PORT:-0} ${CIRA_PORT:-0} ${SERVER_PID:-}"
    local room=${ROOM:-}
    HTTPS_PORT=0 CIRA_PORT=0 SERVER_PID='' SITE=$1
    if [ -n "${SITES[$1]:-}" ]; then
        read -r WORK HTTPS_PORT CIRA_PORT SERVER_PID <<<"${SITES[$1]}"
        export WORK ORCH_CLI_CONFIG=$WORK/orch-cli
        return
    fi
    server_init
    ROOM=${room:-$WORK}
    if [ "$ROOM" = "$WORK" ]; then
        mkdir "$WORK/mei"
    else
        ln -s "$ROOM/mei" "$WORK/mei"
        ln -s "$ROOM/ctl" "$WORK/ctl"
    fi
    shift
    server_start "$@"
    cli_login
}

server_stop() {
    kill -"${1:-TERM}" "$SERVER_PID" 2>/dev/null
    wait "$SERVER_PID" 2>/dev/null
    SERVER_PID=
}

# fleet_start COUNT [amtsim options…]
fleet_start() {
    local count=$1
    shift
    "$BUILD/src/sim/amtsim" --server "127.0.0.1:$CIRA_PORT" --ca "$WORK/data/ca.pem" --count "$count" \
        --csv-out "$WORK/nodes.csv" --control "$WORK/ctl" --seed 7 "$@" >"$WORK/amtsim.log" 2>&1 &
    FLEET_PID=$!
    wait_until 20 "amtsim has written its CSV" test -s "$WORK/nodes.csv"
    wait_until 20 "amtsim's control socket" test -S "$WORK/ctl"
}

cli() { "$BUILD/src/cli/orch-cli" "$@"; }
ctl() { "$BUILD/src/sim/amtsim" ctl "$WORK/ctl" "$@"; }

cli_login() {
    cli login admin --password-file "$WORK/password" --api-endpoint "https://localhost:$HTTPS_PORT" \
        --orch-ca "$WORK/data/ca.pem" >/dev/null || fail "orch-cli login"
}

# the whole usual beginning: everything up, imported, all links up, all power read
world() {
    server_init
    # shellcheck disable=SC2119
    server_start
    fleet_start "$@"
    cli_login
    cli create host --import-from-csv "$WORK/nodes.csv" >/dev/null || fail "import of nodes.csv"
    local n=$1
    wait_until 60 "all $n links are up" test_summary ".link.up == $n"
    wait_until 60 "the power of all $n nodes is read" test_summary ".power.unknown == 0"
}

test_summary() { cli summary -o json | jq -e "$1" >/dev/null; }
# host NAME JQ: a field of a host
host() { cli get host "$1" -o json | jq -r "$2"; }
# host_is NAME JQ-CONDITION
host_is() { cli get host "$1" -o json | jq -e "$2" >/dev/null; }
# one API call, the body on stdout: api GET /v1/…
api() {
    local method=$1 path=$2
    shift 2
    [ -s "$WORK/token" ] || curl -sS --cacert "$WORK/data/ca.pem" "https://localhost:$HTTPS_PORT/api/v1/authorize" \
        -d "{\"username\":\"admin\",\"password\":\"$(cat "$WORK/password")\"}" -H 'Content-Type: application/json' | jq -r .token >"$WORK/token"
    curl -sS --cacert "$WORK/data/ca.pem" -X "$method" -H "Authorization: Bearer $(cat "$WORK/token")" \
        "https://localhost:$HTTPS_PORT$path" "$@"
}
# What an agent does, without one: agent_enrol NAME FACTS (a JSON object): the certificate is kept as NAME; agent_report NAME FACTS
agent_call() {
    local name=$1 path=$2 body=$3
    curl -sS --cacert "$WORK/data/ca.pem" --cert "$WORK/$name.agent.pem" --key "$WORK/$name.agent.key" \
        -H 'Content-Type: application/json' -d "$body" "https://localhost:$HTTPS_PORT$path"
}
agent_enrol() {
    local name=$1 facts=$2 key answer
    key=$(cli create enrolment-key "$name-key" --until 1h --uses 1 -o json | jq -r .key) || fail "enrolment key"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$WORK/$name.agent.key" -out "$WORK/$name.csr" \
        -subj "/CN=$name" 2>/dev/null || fail "certificate request"
    answer=$(jq -n --arg key "$key" --rawfile csr "$WORK/$name.csr" --argjson facts "$facts" '{key: $key, csr: $csr, facts: $facts}' |
        curl -sS --cacert "$WORK/data/ca.pem" -H 'Content-Type: application/json' -d @- "https://localhost:$HTTPS_PORT/v1/agent/enrol")
    jq -er .certificate <<<"$answer" >"$WORK/$name.agent.pem" || fail "enrolment of $name: $answer"
    jq -r .host <<<"$answer" >"$WORK/$name.agent.host"
}
agent_report() { agent_call "$1" /v1/agent/report "{\"facts\":$2}" >/dev/null; }
finding() { cli get host "$1" -o json | jq -r ".oob.findings[] | select(.id == \"$2\") | \"\(.sentence) | \(.remedy)\""; }
history() { api GET "/v1/projects/default/compute/hosts/$1/history?pageSize=200" | jq -r '.events[] | "\(.at) \(.kind): \(.text)"'; }

# on_terminal NAME arguments…: orch-cli on a terminal of its own; type_in NAME 'text\r' types there. What it shows is read with
# `screen NAME`. on_pipes NAME arguments…: the same without a terminal; `said NAME` is its stderr, and
# its output goes to $SINK when that is set.
declare -A JOB=()
job_files() {
    rm -f "$WORK/$1".{keys,said,screen}
    mkfifo "$WORK/$1.keys"
    touch "$WORK/$1".{said,screen}
}
on_terminal() {
    local name=$1 command
    shift
    command=$(printf '%q ' "$BUILD/src/cli/orch-cli" "$@")
    job_files "$name"
    TERM=xterm SHELL=/bin/sh env --default-signal=INT script -qefc "stty rows 50 cols 200; echo \$\$ >$WORK/$name.pid; exec $command" /dev/null \
        <>"$WORK/$name.keys" >"$WORK/$name.screen" 2>&1 &
    JOB[$name]=$!
}
on_pipes() {
    local name=$1
    shift
    job_files "$name"
    "$BUILD/src/cli/orch-cli" "$@" <>"$WORK/$name.keys" >"${SINK:-$WORK/$name.screen}" 2>"$WORK/$name.said" &
    JOB[$name]=$!
}
# bridge_open NODE types|quiet [options…]: a KVM session by kvm-bridge (job `bridge`) with a viewer (job `viewer`, tests/scenario/viewer.mjs)
bridge_open() {
    local node=$1 mode=$2
    shift 2
    on_pipes bridge kvm-bridge host "$node" --listen 127.0.0.1:0 --once "$@"
    shows bridge 'waiting for a VNC viewer on'
    job_files viewer
    node tests/scenario/viewer.mjs "$(screen bridge | sed -n 's/.*viewer on 127.0.0.1:\([0-9]*\).*/\1/p')" "$mode" \
        <>"$WORK/viewer.keys" >"$WORK/viewer.screen" 2>"$WORK/viewer.said" &
    JOB[viewer]=$!
    shows viewer '^open'
    wait_until 5 "the KVM session of $node is open" session_is "$node" kvm '.state == "active"'
}
type_in() { printf '%b' "$2" >"$WORK/$1.keys"; }
screen() { sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$WORK/$1.screen" | tr '\r' '\n'; }
said() { cat "$WORK/$1.said"; }
on_screen() { cat "$WORK/$1.said" <(screen "$1") | grep -aE -- "$2"; }
# shows NAME PATTERN [SECONDS]: wait until it is on the screen, or was said
shows() { wait_until "${3:-20}" "$1 shows \"$2\"" on_screen "$1" "$2"; }
# the line that was waited for, as the story tells it
tell() { say "  $1: $(on_screen "$1" "$2" | tail -n 1)"; }
is_over() { ! kill -0 "${JOB[$1]}"; }
# ends NAME [SECONDS]: wait until it has ended; its exit code is in $ENDED
# shellcheck disable=SC2034
ends() {
    wait_until "${2:-20}" "$1 ends" is_over "$1"
    wait "${JOB[$1]}"
    ENDED=$?
    unset "JOB[$1]"
}
# session NODE KIND JQ: a field of the newest session of the kind
session() { api GET "/v1/projects/default/compute/hosts/$1/sessions" | jq -r "[.sessions[] | select(.kind == \"$2\")][0] | $3"; }
session_is() { [ "$(session "$1" "$2" "$3")" = true ]; }

# agent_config NODE: the configuration of the agent of this node, with a systemctl of its own that tells amtsim
agent_config() {
    local n=$1
    mkdir -p "$WORK/agent-$n"
    cat >"$WORK/agent-$n/systemctl" <<EOF
#!/bin/sh
# what systemd would do on this node, as far as the serial port goes
echo "\$*" >>"$WORK/agent-$n/systemctl.log"
case \$1 in
is-active | is-enabled) [ -e "$WORK/agent-$n/getty" ] ;;
enable) touch "$WORK/agent-$n/getty"; exec "$BUILD/src/sim/amtsim" ctl "$WORK/ctl" getty ${n#node} on ;;
disable) rm -f "$WORK/agent-$n/getty"; exec "$BUILD/src/sim/amtsim" ctl "$WORK/ctl" getty ${n#node} off ;;
is-system-running) cat "$WORK/agent-$n/system" 2>/dev/null || echo running ;;
list-jobs) grep -F "\$3" "$WORK/agent-$n/jobs" 2>/dev/null ;;
esac
EOF
    chmod 755 "$WORK/agent-$n/systemctl"
    mkdir -p "$WORK/agent-$n/sessions"
    printf 'UID=1000\nUSER=anna\nSTATE=active\nCLASS=user\n' >"$WORK/agent-$n/sessions/1"
    cat >"$WORK/agent-$n/conf" <<EOF
server = https://localhost:$HTTPS_PORT
ca = $WORK/data/ca.pem
key-file = $WORK/agent-$n/key
state-dir = $WORK/agent-$n/state
mei = unix:$WORK/mei/$n
sysfs = $WORK/mei/$n.sys
systemctl = $WORK/agent-$n/systemctl
sessions = $WORK/agent-$n/sessions
EOF
}
# enrolment_key NAME USES FILE: a key of the project default that lives an hour
enrolment_key() {
    api POST /v1/projects/default/enrolmentkeys -H 'Content-Type: application/json' \
        -d "{\"name\":\"$1\",\"maxUses\":$2,\"expiresAt\":\"$(date -u -d '+1 hour' +%FT%TZ)\"}" | jq -er .key >"$3" || fail "an enrolment key"
    chmod 600 "$3"
}
agent() {
    local n=$1
    shift
    "$BUILD/src/agent/pm-agent" "$@" --config "$WORK/agent-$n/conf"
}
# agent_run NODE: as the service does, until agent_stop NODE
declare -A AGENT=()
agent_run() {
    # (this machine's own shutdown is none of its business)
    DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent "$BUILD/src/agent/pm-agent" run --config "$WORK/agent-$1/conf" >"$WORK/agent-$1/log" 2>&1 &
    AGENT[$1]=$!
}
agent_stop() {
    kill "${AGENT[$1]}" 2>/dev/null
    wait "${AGENT[$1]}" 2>/dev/null
    unset "AGENT[$1]"
}

# enrol NODE: its agent gets an identity at this server, and runs
enrol() {
    local n=$1
    agent_config "$n"
    enrolment_key "key-$n-$RANDOM" 1 "$WORK/agent-$n/key"
    agent "$n" enrol >"$WORK/out" 2>&1 || fail "pm-agent enrol of $n: $(cat "$WORK/out")"
    ID=$(jq -r .host "$WORK/agent-$n/state/identity.json")
    agent_run "$n"
    wait_until 20 "the agent of $n is there" host_is "$ID" '.oob.agent.here'
}
# want_amt HOST provisioned|unprovisioned [ccm|acm]: order it, and see it done
want_amt() {
    local id=$1 state=$2 mode=${3:-}
    order_amt "$@"
    wait_until 40 "$id is $state" host_is "$id" '.oob.provisioning.state | IN("done", "failed")'
    host_is "$id" '.oob.provisioning.state == "done"' || fail "$id is not $state: $(host "$id" '.oob.provisioning | "\(.text) \(.remedy)"')"
}
order_amt() {
    local body
    body=$(jq -nc --arg s "AMT_STATE_${2^^}" --arg m "${3:-}" '{desiredAmtState: $s} + if $m == "" then {} else {amtControlMode: "AMT_CONTROL_MODE_\($m | ascii_upcase)"} end')
    api PATCH "/v1/projects/default/compute/hosts/$1" -H 'Content-Type: application/json' -d "$body" >"$WORK/out" || fail "order"
    jq -e .resourceId "$WORK/out" >/dev/null || fail "the order is refused: $(cat "$WORK/out")"
}
link_up() { wait_until 30 "the tunnel of $1 is up" host_is "$1" '.oob.link.state == "up"'; }
# rpc NODE COMMAND…: at the node
rpc() {
    local n=$1
    shift
    "$BUILD/src/rpc/rpc" "$@" --mei "unix:$WORK/mei/$n"
}
# list_nodes: the nodes of amtsim are in the list by name and AMT UUID, and nothing else is known of them
list_nodes() {
    local name uuid
    while IFS=, read -r name uuid _; do
        [ "$name" = Name ] && continue
        api POST /v1/projects/default/compute/hosts -H 'Content-Type: application/json' -d "{\"name\":\"$name\",\"amtUuid\":\"$uuid\"}" |
            jq -e .resourceId >/dev/null || fail "the host $name"
    done <"$WORK/nodes.csv"
}
# activate NODE [options…]: rpc activate against this server by a fresh enrolment key of nine uses
activate() {
    local n=$1
    shift
    enrolment_key "some-$n-$RANDOM" 9 "$WORK/some-$n"
    rpc "$n" activate --url "wss://localhost:$HTTPS_PORT/activate" --ca "$WORK/data/ca.pem" --key-file "$WORK/some-$n" "$@"
}

finish() {
    local code=$? job
    for job in "${AGENT[@]}"; do kill "$job" 2>/dev/null; done
    for job in "${JOB[@]}"; do kill "$job" 2>/dev/null; done
    [ -n "${FLEET_PID:-}" ] && kill "$FLEET_PID" 2>/dev/null
    [ -n "${SERVER_PID:-}" ] && kill "$SERVER_PID" 2>/dev/null
    local works=${WORK:-} work pid
    for job in "${!SITES[@]}"; do
        [ "$job" = "$SITE" ] && continue
        read -r work _ _ pid <<<"${SITES[$job]}"
        works+=" $work"
        [ -n "$pid" ] && kill "$pid" 2>/dev/null
    done
    wait 2>/dev/null
    # shellcheck disable=SC2086
    [ "$code" = 0 ] && [ -n "$works" ] && rm -rf $works
    [ "$code" = 0 ] || echo "left for inspection: $works"
    exit "$code"
}
