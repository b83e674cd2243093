# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Admin control mode with the certificate chain that the firmware checks for true: what is refused, why, and that nothing was changed by
# it; and then activated at the node, by order through its agent, and up from client control mode.
PKI=
prov_of() { ctl prov "${1#node00}" | head -n 1; }
# import NAME DIRECTORY: the PFX of a directory that tools/test-pki made
import() { cli create domain "$1" --suffix acme.example --pfx "$PKI/$2/provisioning.pfx" --password-file "$PKI/$2/pfx-password"; }
# not_imported NAME DIRECTORY PATTERN
not_imported() {
    import "$1" "$2" >"$WORK/out" 2>&1 && fail "the PFX in $2 was taken"
    tr '\n' ' ' <"$WORK/out" | grep -q "$3" || fail "not said why: $(cat "$WORK/out")"
    say "  $(tr '\n' ' ' <"$WORK/out")"
    [ "$(cli list domain -o json | jq '.domains | length')" = "$4" ] || fail "it is in the list: $(cli list domain)"
}
# refused NODE PROFILE CODE PATTERN: rpc activate fails with a sentence that has the pattern, and the firmware is as it was
refused() {
    local n=$1 before
    before=$(prov_of "$n")
    activate "$n" --profile "$2" >"$WORK/out" 2>&1 && fail "$n was activated"
    grep -q "$4" "$WORK/out" || fail "$n is not told why: $(cat "$WORK/out")"
    host_is "$n" ".oob.provisioning.code == \"$3\" and (.oob.provisioning.remedy | length > 0)" || fail "$(host "$n" .oob.provisioning)"
    [ "$(prov_of "$n")" = "$before" ] || fail "the firmware was touched: $(prov_of "$n")"
    say "  $n: $(host "$n" '.oob.provisioning.text + ". " + .oob.provisioning.remedy')"
}
# is_acm NODE "counters": in admin control mode, the tunnel up, the power read
is_acm() {
    prov_of "$1" | grep -q "mode=acm state=post $2" || fail "$(prov_of "$1")"
    link_up "$1"
    wait_until 20 "the power of $1 is read" host_is "$1" '.oob.power.state == "on"'
    host_is "$1" '.currentAmtState == "AMT_STATE_PROVISIONED" and .amtControlMode == "AMT_CONTROL_MODE_ACM"' || fail "$(host "$1" '.amtControlMode')"
    say "  $(prov_of "$1" | cut -d' ' -f1-7), link up, power $(host "$1" .oob.power.state): $(host "$1" .oob.provisioning.text)"
}
make_pki() {
    local other
    PKI=$WORK/pki
    mkdir "$PKI"
    tools/test-pki "$PKI/ours" acme.example
    for other in old locked stranger; do cp -r "$PKI/ours" "$PKI/$other"; done
    tools/test-pki "$PKI/old" acme.example "-9 days" "-1 day"
    echo wrong >"$PKI/locked/pfx-password"
    rm "$PKI"/stranger/*.pem
    tools/test-pki "$PKI/stranger" acme.example
}

story() {
    server_init
    mkdir "$WORK/mei"
    make_pki >"$WORK/out" 2>&1
    [ "$(find "$PKI" -name provisioning.pfx | wc -l)" = 4 ] || fail "tools/test-pki: $(cat "$WORK/out")"
    # shellcheck disable=SC2119
    server_start
    fleet_start 4 --unprovisioned --mei "$WORK/mei" --provisioning-root "$PKI/ours/root.pem" --dns-suffix acme.example --latency 0
    cli_login
    list_nodes

    say "A PFX that will not do is refused at import:"
    not_imported old old 'expired at .*Renew it' 0
    not_imported locked locked 'password does not open' 0

    say "Nothing fits the node: refused before anything is sent."
    refused node001 default_acm no-certificate 'No provisioning certificate .*: no domain of the project default fits the DNS suffix acme.example'
    import stranger stranger >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    refused node001 default_acm no-certificate 'domain stranger .* its root certificate is not among those that the node trusts'
    say "A profile that names the domain all the same: the firmware itself refuses the chain."
    cli create profile strange --control-mode acm --domain stranger >/dev/null || fail "create profile"
    refused node001 strange interrupted 'refused certificate 3 of 3 of the chain'
    refused node001 strange interrupted 'refused certificate 3 of 3 of the chain'
    refused node001 strange chain-refused 'refused certificate 3 of 3 of the chain'

    say "With the right certificate it is activated at the node:"
    import acme ours >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    activate node001 --profile default_acm >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    is_acm node001 'setups=0 admin-setups=1 upgrades=0 unprovisions=0'

    say "The firmware of node002 has another DNS suffix:"
    ctl suffix 2 mebx other.example.org >/dev/null || fail "ctl suffix"
    refused node002 default_acm no-certificate 'no domain of the project default fits the DNS suffix other.example.org'
    cli create profile other --control-mode acm --domain acme >/dev/null || fail "create profile"
    refused node002 other interrupted 'refused certificate 1 of 3 of the chain'
    api DELETE "/v1/projects/default/compute/hosts/$(host node002 .resourceId)/provisioning" >/dev/null
    say "It is mended in MEBx, and ordered through the node's agent:"
    ctl suffix 2 mebx acme.example >/dev/null || fail "ctl suffix"
    enrol node002
    want_amt "$ID" provisioned acm
    is_acm node002 'setups=0 admin-setups=1 upgrades=0 unprovisions=0'

    say "node003 is in client control mode, and goes up:"
    enrol node003
    want_amt "$ID" provisioned ccm
    prov_of node003 | grep -q 'mode=ccm state=post setups=1 ' || fail "$(prov_of node003)"
    cli set host node003 --amt-state provisioned --control-mode acm --wait >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    is_acm node003 'setups=1 admin-setups=0 upgrades=1 unprovisions=0'
    say "and not down again, but by way of a deactivation:"
    cli set host node003 --amt-state provisioned --control-mode ccm --wait >"$WORK/out" 2>&1 && fail "admin control mode became client control mode"
    grep -q 'Deactivate it first' "$WORK/out" || fail "no way out is told: $(cat "$WORK/out")"
    say "  $(tr '\n' ' ' <"$WORK/out")"

    say "The connection of node004 breaks when AdminSetup was executed, before its answer is there:"
    ctl prov-drop 4 adminsetup after >/dev/null || fail "ctl prov-drop"
    activate node004 --profile default_acm --retries 5 >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    is_acm node004 'setups=0 admin-setups=1 upgrades=0 unprovisions=0'
    grep -rq "$(cat "$PKI/ours/pfx-password")" "$WORK/outbandd.log" && fail "the PFX's password is in the log"
    return 0
}
