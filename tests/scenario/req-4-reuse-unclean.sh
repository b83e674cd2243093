# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# CIRA Connection and Edge Node Reuse Between EMF Orchestrator: moved without deauthorizing. node001 is in client control mode,
# node002 in admin control mode.
prov_of() { ctl prov "$1" | head -n 1; }
# moved_in NODE: enrolled here, under the node's name
moved_in() {
    enrol "$1"
    cli set host "$ID" --name "$1" >/dev/null || fail "the name of $1"
}
story() {
    local pki before why
    pki=$(mktemp -d "${TMPDIR:-/tmp}/outband-pki.XXXXXX")
    tools/test-pki "$pki" shop.example.net >/dev/null 2>&1 || fail "tools/test-pki"
    site one "[cira]" "public_address = localhost" "[agent]" "heartbeat = 5s"
    fleet_start 2 --unprovisioned --mei "$WORK/mei" --provisioning-root "$pki/root.pem" --dns-suffix shop.example.net
    site two "[cira]" "public_address = 127.0.0.1" "[agent]" "heartbeat = 5s"
    site one
    cli create domain shop --suffix shop.example.net --pfx "$pki/provisioning.pfx" --password-file "$pki/pfx-password" >/dev/null || fail "create domain"
    rm -rf "$pki"
    moved_in node001
    cli set host node001 --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    moved_in node002
    cli set host node002 --amt-state provisioned --control-mode acm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    wait_until 30 "both tunnels are up at 1" test_summary '.link.up == 2'
    say "Orchestrator 1: $(prov_of 1); $(prov_of 2)"
    agent_stop node001
    agent_stop node002

    say "Both machines go straight to orchestrator 2; their new agents enrol there."
    site two
    moved_in node001
    moved_in node002
    wait_until 20 "2 sees the foreign owner" host_is node001 '[.oob.findings[].id] | index("foreign-orchestrator") != null'
    say "Orchestrator 2: $(finding node001 foreign-orchestrator)"
    before=$(prov_of 1)
    cli set host node001 --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 && fail "2 activated a node of 1"
    host_is node001 '.oob.provisioning.code == "foreign"' || fail "$(host node001 .oob.provisioning)"
    [ "$(prov_of 1)" = "$before" ] || fail "the firmware was touched: $(prov_of 1)"
    say "Activation at 2 is refused and touches nothing: $(host node001 '.oob.provisioning.text + " " + .oob.provisioning.remedy')"
    site one
    host_is node001 '.oob.link.state == "up"' || fail "1 has lost it"
    say "Orchestrator 1 still has its tunnel, and says so: link $(host node001 .oob.link.state), $(host node001 .amtStatus)."

    site two
    say "Client control mode: taken over at the node by rpc deactivate --local."
    rpc node001 deactivate --local >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    wait_until 60 "2 sees that it is free" host_is node001 '.currentAmtState == "AMT_STATE_UNPROVISIONED"'
    cli set host node001 --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    wait_until 30 "its tunnel is up at 2" host_is node001 '.oob.link.state == "up"'
    host_is node001 '[.oob.findings[].id] | index("foreign-orchestrator") == null' || fail "still foreign"
    say "It is orchestrator 2's now: $(prov_of 1)"
    cli set host node001 --power off --wait --timeout 40 >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    cli set host node001 --power on --wait --timeout 40 >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    host_is node001 '.oob.power.state == "on"' || fail "2 cannot switch it: $(host node001 .oob.power)"

    say "Admin control mode without the password:"
    rpc node002 deactivate --local >"$WORK/out" 2>&1 && fail "an ACM node was deactivated locally"
    say "  rpc deactivate --local: $(tr '\n' ' ' <"$WORK/out")"
    cli set host node002 --amt-state provisioned --control-mode acm --wait >"$WORK/out" 2>&1 && fail "2 activated an ACM node of 1"
    why=$(host node002 '.oob.provisioning.text + " " + .oob.provisioning.remedy')
    case $why in *MEBx*) ;; *) fail "no way out is told: $why" ;; esac
    say "  activation at 2: $why"

    site one
    say "At orchestrator 1 the host of node002 is deleted by force while it is away, and then the firmware dials again:"
    ctl stop 2 >/dev/null
    wait_until 30 "1 sees it go" host_is node002 '.oob.link.state == "down"'
    wait_until 30 "its agent of 1 is gone, too" host_is node002 '.oob.agent.here == false'
    cli delete host node002 >"$WORK/out" 2>&1 && fail "it was deleted without force"
    say "  without --force: $(head -n 1 "$WORK/out")"
    cli delete host node002 --force >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    say "  with --force: $(tr '\n' ' ' <"$WORK/out")"
    ctl start 2 >/dev/null
    wait_until 30 "1 shows the orphan" eval 'api GET /api/v1/quarantine | jq -e ".entries[] | select(.reason | test(\"orphan\"))"'
    say "  orchestrator 1: $(api GET /api/v1/quarantine | jq -r '.entries[0].reason')"
}
