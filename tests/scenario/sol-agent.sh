# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Requirement: Sol session did not got os prompt. With an agent on the node the prompt is one order away.
story() {
    server_init
    mkdir "$WORK/mei"
    server_start
    fleet_start 1 --mei "$WORK/mei"
    cli_login
    cli create host --import-from-csv "$WORK/nodes.csv" >/dev/null || fail "import of nodes.csv"
    wait_until 60 "the link is up" test_summary '.link.up == 1'
    wait_until 60 "the power is read" test_summary '.power.unknown == 0'
    local n=node001
    ctl getty 1 off >/dev/null || fail "ctl getty"
    agent_config $n
    cli set host $n --serial-console enable >"$WORK/out" 2>&1 && fail "ordered without an agent"
    say "Without an agent: $(head -n 1 "$WORK/out")"
    enrolment_key site 1 "$WORK/agent-$n/key"
    agent $n enrol >"$WORK/out" 2>&1 || fail "$(cat "$WORK/out")"
    agent_run $n
    wait_until 20 "the agent found the port" host_is $n '.oob.agent.serialConsole.tty != ""'
    host_is $n '.oob.agent.serialConsole.getty == false' || fail "a login runs"

    on_terminal sol set host $n --session-type sol --session-state start
    shows sol "the serial console of $n"
    shows sol '--serial-console enable'
    say "The session is open and mute; orch-cli names the remedy:"
    tell sol '--serial-console enable'
    finding $n sol-mute | grep -q -- "orch-cli set host $n --serial-console enable" || fail "sol-mute: $(finding $n sol-mute)"

    cli set host $n --serial-console enable >/dev/null || fail "set host --serial-console enable"
    wait_until 20 "the agent did it" host_is $n '.oob.agent.serialConsole.result | test("runs")'
    grep -q 'enable --now serial-getty@ttyS' "$WORK/agent-$n/systemctl.log" || fail "systemctl was not asked"
    host_is $n '.oob.agent.serialConsole.getty and .oob.agent.serialConsole.enabled' || fail "it is not reported"
    say "The agent: $(host $n .oob.agent.serialConsole.result)"
    type_in sol '\r'
    shows sol "$n login:" 10
    say "The prompt is there, in the same session: $(screen sol | grep -a 'login:' | tail -n 1)"
    wait_until 5 "the finding is gone" eval "[ -z \"\$(finding $n sol-mute)\" ]"
    type_in sol '\r~.'
    ends sol

    cli set host $n --serial-console disable >/dev/null || fail "disable"
    wait_until 20 "the login is stopped" host_is $n '.oob.agent.serialConsole.getty == false'
    agent_stop $n
}
