# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: vPro Enabled Without BIOS Configuration Option on OnLogic K804: it is detected, told, and documented
# as an exception of the platform in the compliance report.
status() { cli report compliance -o json | jq -r ".rows[] | select(.name == \"$1\") | $2"; }

story() {
    world 2
    local serial until
    serial=$(host node001 .oob.aliases.serial)
    [ "$(status node001 .status)" = unknown ] || fail "before an agent told the board nothing is known"
    agent_enrol agent1 "{\"serial\":\"$serial\",\"vendor\":\"OnLogic\",\"product\":\"K804\",\"controlMode\":2,\"biosSwitch\":\"unknown\",\"firmwareSwitch\":\"absent\"}"
    [ "$(cat "$WORK/agent1.agent.host")" = "$(host node001 .resourceId)" ] || fail "the agent enrolled into another host"
    host_is node001 '.oob.amtBiosSwitch.state == "absent" and .oob.amtBiosSwitch.source == "board-table"' || fail "$(host node001 .oob.amtBiosSwitch)"
    finding node001 no-bios-switch | grep -q 'OnLogic K804' || fail "finding no-bios-switch"
    say "Finding: $(finding node001 no-bios-switch | cut -d'|' -f1)"
    [ "$(status node001 .status)" = deviation ] || fail "compliance: $(status node001 .)"
    [ -z "$(finding node002 no-bios-switch)" ] || fail "another platform has the finding"

    # in-band there is no switch either: it is said, and nothing is changed
    api PATCH /v1/projects/default/compute/hosts/node001 -H 'Content-Type: application/json' -d '{"amtEnabled":false}' |
        jq -e '.status == 409 and (.message | test("no such switch"))' >/dev/null || fail "amtEnabled without a switch"
    say "Switching AMT off is refused: $(api PATCH /v1/projects/default/compute/hosts/node001 -H 'Content-Type: application/json' -d '{"amtEnabled":false}' | jq -r .message)"

    cli create exception node001 --control amt-bios-switch --reason "K804: AMT is permanently enabled" --approver carla --until 90d >/dev/null ||
        fail "create exception"
    [ "$(status node001 .status)" = exception ] || fail "the exception is not in the report: $(status node001 .)"
    cli report compliance -o csv >"$WORK/report.csv" || fail "report as CSV"
    grep -q '"OnLogic","K804".*"exception","carla"' "$WORK/report.csv" || fail "CSV: $(cat "$WORK/report.csv")"
    until=$(status node001 .exception.until)
    say "Compliance report: node001 is an exception, approved by $(status node001 .exception.approver) until $until."

    # where the firmware has a switch, the agent gets the order
    agent_report agent1 '{"serial":"'"$serial"'","vendor":"OnLogic","product":"K804","controlMode":2,"firmwareSwitch":"present"}'
    wait_until 10 "the report counts" test "$(status node001 .firmwareSwitch)" = present
    [ "$(status node001 .status)" = compliant ] || fail "a node with a firmware switch can be switched off"
    api PATCH /v1/projects/default/compute/hosts/node001 -H 'Content-Type: application/json' -d '{"amtEnabled":false}' >/dev/null
    agent_call agent1 /v1/agent/heartbeat '{"waitSeconds":1,"controlMode":2,"running":""}' |
        jq -e '.orders[] | select(.kind == "amt-switch" and .enable == false)' >/dev/null || fail "the agent got no order"
    say "With a switch in the firmware the agent is ordered to throw it."
    cli set host node001 --power off --wait --timeout 60 >/dev/null || fail "power off"
    say "vPro works as ever: node001 is $(host node001 .oob.power.state)."
}
