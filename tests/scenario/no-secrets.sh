# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# From enrolment to deactivation no secret shows where none may be: in a command line, the environment of what our programs start, a
# log, an answer of the API, an event, or in the clear in the store. A control word goes the same ways as the secrets might: it is found
# in every one of them, so the search can find.

# learn LABEL VALUE: that is a secret; learn_file: the first line of a file, learn_pem: one line from the middle of a private key
learn() {
    [ "${#2}" -ge 6 ] || fail "$1 is no secret: \"$2\""
    printf '%s\t%s\n' "$1" "$2" >>"$WORK/secrets"
}
learn_file() { learn "$1" "$(head -n 1 "$2")"; }
# learn_pem LABEL [FILE]: the line in the middle: the first ones of an RSA key are its modulus, which is in the certificate, too
learn_pem() { learn "$1" "$(grep -v -- '-----' "${2:-/dev/stdin}" | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }')"; }
# learn_firmware WHEN NODE-NUMBER: what this firmware has now
learn_firmware() {
    local key value user realm ha1
    ctl secrets "$2" | head -n 1 | tr ' ' '\n' | sed 1d >"$WORK/firmware"
    for key in amt amt-ha1 mebx cira os-admin; do
        value=$(sed -n "s/^$key=//p" "$WORK/firmware")
        [ "$value" = none ] || learn "$key-of-$2-$1" "$value"
    done
    user=$(sed -n 's/^amt-user=//p' "$WORK/firmware") realm=$(sed -n 's/^realm=//p' "$WORK/firmware") ha1=$(sed -n 's/^amt-ha1=//p' "$WORK/firmware")
    printf 'password-of-%s-%s\t%s\t%s\t%s\n' "$2" "$1" "$user" "$realm" "$ha1" >>"$WORK/secrets"
    # the control word, as if it were a password of this firmware
    printf 'control-digest\t%s\t%s\t%s\n' "$user" "$realm" "$(printf '%s:%s:%s' "$user" "$realm" "$CONTROL" | md5sum | cut -d' ' -f1)" >>"$WORK/secrets"
}

# What the API says of everything now, of each host too.
look() {
    local at="https://localhost:$HTTPS_PORT" path id urls=()
    for path in compute/{hosts,hosts/summary,findings,operations,compliance} amt/{profiles,domains,ciraconfigs} enrolmentkeys exceptions; do
        urls+=("$at/v1/projects/default/$path")
    done
    urls+=("$at"/api/v1/{users,audit,session,quarantine} "$at/metrics")
    for id in $(api GET /v1/projects/default/compute/hosts | jq -r '.hosts[].resourceId'); do
        for path in "" /provisioning "/history?pageSize=200" /sessions /explain /findings; do
            urls+=("$at/v1/projects/default/compute/hosts/$id$path")
        done
    done
    curl -sS --cacert "$WORK/data/ca.pem" -H "Authorization: Bearer $(cat "$WORK/token")" "${urls[@]}" >"$WORK/answers" || fail "the API does not answer"
    cat "$WORK/answers" >>"$WORK/rest/all"
}

begin() {
    CONTROL=Ctl$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')Xyz # of the length and letters of our passwords
    server_init
    mkdir "$WORK/mei" "$WORK/rest" "$WORK/logs" "$WORK/seen"
    : >"$WORK/secrets"
    python3 tests/scenario/secrets.py watch "$BUILD" "$WORK/seen" &
    JOB["watch"]=$!
    tools/test-pki "$WORK/pki" acme.example >/dev/null 2>&1 || fail "test-pki"
    server_start "log.level = debug"
    fleet_start 3 --unprovisioned-first 2 --mei "$WORK/mei" --provisioning-root "$WORK/pki/root.pem" --dns-suffix acme.example \
        --latency 0 --reconnect 100-500
    cli_login
    cli events >"$WORK/rest/events" 2>&1 &
    JOB["events"]=$!
    list_nodes_but_last
    learn_file admin-password "$WORK/password"
    learn_file login-token "$WORK/token"
    learn cli-token "$(jq -r .token "$ORCH_CLI_CONFIG")"
    printf 'Other-Passw0rd1\n' >"$WORK/other"
    cli create user other --role viewer --password-file "$WORK/other" >>"$WORK/logs/cli" 2>&1 || fail "create user: $(cat "$WORK/logs/cli")"
    learn_file user-password "$WORK/other"
    learn_file pfx-password "$WORK/pki/pfx-password"
    learn_pem pfx-key "$WORK/pki/leaf.key"
    learn master-key "$(sed -n 's/^.*://p' "$WORK/data/master.key")"
    for i in "$WORK"/data/*.key; do grep -q -- '-----BEGIN' "$i" && learn_pem "${i##*/}" "$i"; done
}
list_nodes_but_last() {
    sed -i.all '$d' "$WORK/nodes.csv"
    list_nodes
    mv "$WORK/nodes.csv.all" "$WORK/nodes.csv"
}

# The control word goes wherever a secret might.
plant() {
    api POST /v1/projects/default/compute/hosts -H 'Content-Type: application/json' -d "{\"name\":\"$CONTROL\"}" >/dev/null
    cli get host "$CONTROL" >>"$WORK/logs/cli" 2>&1
    activate node002 --profile "$CONTROL" >>"$WORK/logs/rpc" 2>&1 && fail "there is a profile $CONTROL"
    # an agent's child: what it has itself, and a child of its own that has the word for long enough to be seen
    sed -i "1a env >>'$WORK/seen/environ'; PLANTED=$CONTROL sleep 0.2" "$WORK/agent-node001/systemctl"
}

import_node003() {
    python3 - "$WORK" <<'PY' || fail "the export"
import csv, json, sys
r = list(csv.DictReader(open(sys.argv[1] + "/nodes.csv")))[-1]
open(sys.argv[1] + "/export.csv", "w").write(f"guid,hostname,mpsusername\n{r['AmtUUID']},node003,{r['CiraUser']}\n")
json.dump({"devices/" + r["AmtUUID"]: {"AMT_PASSWORD": r["AmtPassword"], "MPS_PASSWORD": r["CiraPassword"], "MEBX_PASSWORD": "M3Bx-Imported.1"}},
          open(sys.argv[1] + "/vault.json", "w"))
PY
    learn mebx-imported M3Bx-Imported.1
    cli import hosts --from-csv "$WORK/export.csv" --vault-json "$WORK/vault.json" >>"$WORK/logs/cli" 2>&1 || fail "import: $(tail -n 3 "$WORK/logs/cli")"
    link_up node003
}

# A session, and a ticket that was never used.
session_of_node003() {
    local s
    ctl consent-policy 3 none >/dev/null || fail "ctl consent-policy"
    bridge_open node003 quiet
    s=$(api POST /v1/projects/default/compute/hosts/node003/sessions -H 'Content-Type: application/json' -d '{"kind":"sol"}' | jq -r .id)
    wait_until 10 "a session of the serial line is ready" session_is node003 sol '.state == "ready"'
    learn ticket "$(api POST "/v1/projects/default/compute/hosts/node003/sessions/$s/ticket" | jq -r .ticket)"
    look
    kill "${JOB[viewer]}"
    ends bridge
    unset "JOB[viewer]"
    cat "$WORK"/bridge.{said,screen} >>"$WORK/logs/cli"
}

# rpc is given its key by the environment: nothing of it is left there once it runs.
activate_node002() {
    local pid
    enrolment_key by-environment 9 "$WORK/environment-key"
    learn_file enrolment-key-2 "$WORK/environment-key"
    ctl latency 2 20-20 >/dev/null
    PLANTED=$CONTROL OUTBAND_ENROLMENT_KEY=$(cat "$WORK/environment-key") "$BUILD/src/rpc/rpc" activate --url "wss://localhost:$HTTPS_PORT/activate" --ca "$WORK/data/ca.pem" \
        --profile default_ccm --mei "unix:$WORK/mei/node002" >"$WORK/rpc.out" 2>&1 &
    JOB["rpc"]=$!
    pid=$!
    wait_until 20 "rpc is at work" grep -q 'Setting' "$WORK/rpc.out"
    tr '\0' '\n' <"/proc/$pid/environ" >"$WORK/rpc.environ" || fail "rpc is gone already"
    grep -qx "PLANTED=$CONTROL" "$WORK/rpc.environ" || fail "the environment of rpc is not read"
    grep -qF -f "$WORK/environment-key" "$WORK/rpc.environ" && fail "the key is still in the environment of rpc"
    ends rpc 30
    cat "$WORK/rpc.out" >>"$WORK/logs/rpc"
    [ "$ENDED" = 0 ] || fail "rpc activate: $(cat "$WORK/rpc.out")"
    ctl latency 2 0-0 >/dev/null
    link_up node002
}

rotate_all() {
    cli rotate host --filter 'oob.link.state="up"' --secret all --yes --wait >>"$WORK/logs/cli" 2>&1 || fail "rotate: $(tail -n 4 "$WORK/logs/cli")"
    wait_until 30 "all links are up" test_summary '.link.up == 3'
}

in_corpora() {
    cp "$WORK"/agent-*/log "$WORK/logs/agent"
    cp "$WORK"/{outbandd.log,outbandd.out,init.log,amtsim.log} "$WORK/logs/"
    mkdir "$WORK/store"
    cp "$WORK"/data/outband.db* "$WORK/store/"
    python3 tests/scenario/secrets.py search "$WORK/secrets" argv="$WORK/seen/argv" environ="$WORK/seen/environ" log="$WORK/logs/outbandd.log" \
        agent="$WORK/logs/agent" rpc="$WORK/logs/rpc" cli="$WORK/logs/cli" rest="$WORK/rest/all" events="$WORK/rest/events" store="$WORK/store" \
        other="$WORK/logs" >"$WORK/found" 2>"$WORK/searched" || fail "the search: $(cat "$WORK/searched")"
}

story() {
    local where n
    begin
    agent_config node001
    plant
    learn control "$CONTROL"
    cli create domain acme --suffix acme.example --pfx "$WORK/pki/provisioning.pfx" --password-file "$WORK/pki/pfx-password" >>"$WORK/logs/cli" 2>&1 ||
        fail "create domain: $(tail -n 3 "$WORK/logs/cli")"
    enrolment_key by-file 1 "$WORK/agent-node001/key"
    learn_file enrolment-key-1 "$WORK/agent-node001/key"
    agent node001 enrol >>"$WORK/logs/agent-words" 2>&1 || fail "pm-agent enrol: $(cat "$WORK/logs/agent-words")"
    agent_run node001
    wait_until 20 "the agent is there" host_is node001 '.oob.agent.here'
    learn_pem agent-key < <(jq -r .key "$WORK/agent-node001/state/identity.json")
    learn_firmware before 1
    learn_firmware before 2
    learn_firmware before 3
    agent node001 run "--$CONTROL" >>"$WORK/logs/agent-words" 2>&1
    say "Enrolled with a key."

    want_amt node001 provisioned acm
    link_up node001
    activate_node002
    import_node003
    for n in 1 2 3; do learn_firmware activated $n; done
    look
    session_of_node003
    say "One node activated in admin control mode by its agent, one in client control mode by rpc, one imported; a session."
    rotate_all
    for n in 1 2 3; do learn_firmware rotated $n; done
    look
    say "The passwords of all three were changed."

    want_amt node001 unprovisioned
    printf '%s\n' "$(cat "$WORK/token")" >"$WORK/token-file"
    rpc node002 deactivate --url "wss://localhost:$HTTPS_PORT/activate" --ca "$WORK/data/ca.pem" --key-file "$WORK/token-file" >>"$WORK/logs/rpc" 2>&1 ||
        fail "rpc deactivate: $(tail -n 3 "$WORK/logs/rpc")"
    cli deauthorize host node003 --yes >>"$WORK/logs/cli" 2>&1 || fail "deauthorize: $(tail -n 3 "$WORK/logs/cli")"
    look
    agent_stop node001
    cat "$WORK/logs/agent-words" >>"$WORK/agent-node001/log"
    server_stop
    say "All three are deactivated."

    in_corpora
    for where in argv environ log agent rpc cli rest events store; do
        grep -qx "control $where" "$WORK/found" || fail "not even the control word is found in: $where"
        [ $where = store ] || grep -qx "control-digest $where" "$WORK/found" || fail "the control word is not found by its digest in: $where"
    done
    grep -v '^control' "$WORK/found" >"$WORK/bad" && fail "secrets show (which, where): $(tr '\n' ';' <"$WORK/bad")"
    say "$(cat "$WORK/searched"): none shows in $(wc -l <"$WORK/seen/argv") command lines, $(wc -l <"$WORK/seen/environ") lines of environments, $(cat "$WORK"/logs/* | wc -l) lines of logs, $(cat "$WORK"/rest/* | wc -c) bytes of answers and events; the control word shows in all of them."
}
