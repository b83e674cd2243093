# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The secrets of live nodes are changed, and the server is killed meanwhile again and again: no node is lost, each has new secrets in
# its firmware, and the MEBx password stays what it was.
NODES=4
# keep NAME: what the firmware of each node has, by the firmware's own word
keep() { ctl secrets "1-$NODES" | grep '^node' >"$WORK/$1" || fail "ctl secrets"; }
secret() { sed -n "$2s/.* $3=\([^ ]*\).*/\1/p" "$WORK/$1"; } # NAME LINE KEY
# changed BEFORE AFTER KEY yes|no NODE…: the firmware of these nodes has another secret, or the same
changed() {
    local before=$1 after=$2 key=$3 want=$4 n a b is
    shift 4
    for n in "$@"; do
        a=$(secret "$before" "$n" "$key") b=$(secret "$after" "$n" "$key")
        case "$a $b" in " "* | *" " | *none*) fail "node $n has no $key: \"$a\", then \"$b\"" ;; esac
        is=$([ "$a" = "$b" ] && echo no || echo yes)
        [ "$is" = "$want" ] || fail "$key of node $n is another one: $is, and it should be: $want"
    done
}
# what the server has stored as MEBx passwords: sealed, and sealing the same secret twice gives two texts
stored_mebx() {
    python3 -c 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute("SELECT name, mebx_secret, mebx_next FROM host ORDER BY name"):
    print(row[0], *((x.hex() if isinstance(x, bytes) else x) or "none" for x in row[1:]))' "$WORK/data/outband.db" >"$WORK/$1" || fail "the store"
}
all_are() { # CONDITION: of every host
    api GET /v1/projects/default/compute/hosts | jq -e --argjson n $NODES "[.hosts[] | select($1)] | length == \$n" >/dev/null
}
start() { server_start "power.poll_interval = 1s" "power.poll_doubt = 1s"; }
# what was ordered is done, everything is connected, and the power is read with what is stored now
whole() {
    local at
    wait_until 30 "what was ordered has ended ($1)" all_are '.oob.provisioning.state | IN("done", "failed", "cancelled")'
    all_are '.oob.provisioning.state == "done"' || fail "$1: $(api GET /v1/projects/default/compute/hosts | jq -c '[.hosts[].oob.provisioning | .text]')"
    wait_until 30 "all links are up ($1)" test_summary ".link.up == $NODES"
    at=$(date -u +%FT%T.%3NZ)
    wait_until 30 "the power of all nodes is read anew ($1)" all_are ".oob.power.state == \"on\" and .oob.power.observedAt > \"$at\""
}

story() {
    local i ms interrupted=0
    server_init
    mkdir "$WORK/mei"
    tools/test-pki "$WORK/pki" acme.example >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    start
    fleet_start $NODES --unprovisioned --mei "$WORK/mei" --provisioning-root "$WORK/pki/root.pem" --dns-suffix acme.example \
        --latency 20-20 --reconnect 100-500
    cli_login
    list_nodes
    cli create domain acme --suffix acme.example --pfx "$WORK/pki/provisioning.pfx" --password-file "$WORK/pki/pfx-password" >/dev/null || fail "domain"
    for i in 1 2 3 4; do
        activate node00$i --profile "default_$([ $i -le 2 ] && echo acm || echo ccm)" >"$WORK/out.$i" 2>&1 || fail "$(cat "$WORK/out.$i")"
    done
    whole "the activation"
    keep first
    stored_mebx stored-first
    [ "$(grep -cE '^node00[12] .{20,} none$' "$WORK/stored-first") $(grep -c '^node00[34] none none$' "$WORK/stored-first")" = "2 2" ] ||
        fail "MEBx passwords are stored for the nodes in admin control mode, not for the others: $(cat "$WORK/stored-first")"
    say "Two nodes are in admin control mode and two in client control mode."

    cli rotate host node001 --secret amt --wait >"$WORK/out" 2>&1 || fail "rotate host: $(cat "$WORK/out")"
    keep amt
    changed first amt amt-ha1 yes 1
    changed first amt cira no 1 2 3 4
    changed first amt amt-ha1 no 2 3 4
    cli rotate host node001 --secret cira --wait >"$WORK/out" 2>&1 || fail "rotate host: $(cat "$WORK/out")"
    keep cira
    changed amt cira cira yes 1
    changed first cira cira no 2 3 4
    changed amt cira amt-ha1 no 1 2 3 4
    changed first cira mebx no 1 2
    whole "one node"
    say "One node: first its AMT password was changed, then its CIRA password, and nothing else."

    keep before
    cli rotate host --filter 'name="node*"' --secret all --yes --wait >"$WORK/out" 2>&1 || fail "rotate by filter: $(cat "$WORK/out")"
    keep after
    changed before after amt-ha1 yes 1 2 3 4
    changed before after cira yes 1 2 3 4
    all_are '.oob.provisioning.tries == 1' || fail "a rotation broke off, and nobody was killed"
    say "All that match a filter: both passwords of each were changed."

    for ms in 005 080 200 400; do
        keep before
        cli rotate host --filter 'oob.link.state="up"' --secret all --yes >"$WORK/out" 2>&1 || fail "rotate by filter: $(cat "$WORK/out")"
        sleep "0.$ms"
        server_stop KILL
        start
        whole "kill -9 after $ms ms"
        keep after
        changed before after amt-ha1 yes 1 2 3 4
        changed before after cira yes 1 2 3 4
        i=$(api GET /v1/projects/default/compute/hosts | jq '[.hosts[].oob.provisioning | select(.tries > 1)] | length')
        interrupted=$((interrupted + i))
        say "kill -9 after $ms ms: $i of $NODES rotations were broken off and went on; all nodes are back with new secrets."
    done
    [ "$interrupted" -gt 0 ] || fail "no rotation was broken off"
    keep last
    changed first last mebx no 1 2
    stored_mebx stored-last
    cmp -s "$WORK/stored-first" "$WORK/stored-last" || fail "other MEBx passwords are stored than before: $(cat "$WORK/stored-last")"
    [ "$(ctl prov "1-$NODES" | grep -cE ' (setups=0 admin-setups=1|setups=1 admin-setups=0) upgrades=0 unprovisions=0 ')" = $NODES ] ||
        fail "a node was set up anew: $(ctl prov "1-$NODES")"
    say "Their MEBx passwords are those of the activation, and no node was set up anew."
}
