# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Two orchestrators on this machine, 1 and 2, and one fleet for both: each has a directory of its own, `use N` turns everything of lib.sh to it.
declare -A SITE=()
# site NUMBER HOST: a server whose nodes are to dial HOST
site() {
    HTTPS_PORT='' CIRA_PORT=''
    server_init
    server_start "[cira]" "public_address = $2" "[agent]" "heartbeat = 5s"
    cli_login
    JOB[server$1]=$SERVER_PID
    SITE[$1]="$WORK $HTTPS_PORT $CIRA_PORT $SERVER_PID"
}
use() {
    read -r WORK HTTPS_PORT CIRA_PORT SERVER_PID <<<"${SITE[$1]}"
    export ORCH_CLI_CONFIG=$WORK/orch-cli
}
# two_sites COUNT [amtsim options…]
two_sites() {
    local one
    site 1 localhost
    site 2 127.0.0.1
    use 1
    one=$WORK
    mkdir "$WORK/mei"
    fleet_start "$@" --mei "$WORK/mei" --unprovisioned
    use 2
    ln -s "$one/mei" "$WORK/mei"
    ln -s "$one/ctl" "$WORK/ctl"
    use 1
}
two_gone() {
    use 2
    rm -rf "$WORK"
    use 1
}
# moved_in NODE: the node's agent of this orchestrator, enrolled and running; its host's name in HOST
moved_in() {
    agent_config "$1"
    enrolment_key "key-$1" 1 "$WORK/agent-$1/key"
    agent "$1" enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    HOST=$(sed -n 's/^enrolled as \(.*\) (host-.*/\1/p' "$WORK/out")
    cli set host "$HOST" --name "$1" >/dev/null 2>&1 && HOST=$1
    agent_run "$1"
    wait_until 20 "the agent of $1 is there" host_is "$HOST" '.oob.agent.here'
}
prov_of() { ctl prov "$1" | head -n 1; }
# power works: off and on again
switched() {
    cli set host "$1" --power off >/dev/null || fail "power off of $1"
    wait_until 40 "$1 is off" host_is "$1" '.oob.power.state == "off"'
    cli set host "$1" --power on >/dev/null || fail "power on of $1"
    wait_until 40 "$1 is on" host_is "$1" '.oob.power.state == "on"'
}
