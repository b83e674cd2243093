/* SPDX-License-Identifier: Apache-2.0 */
/* The commands themselves, and their table. */
#include "sim/command_int.h"

/* The result of a sim_node_* call, with the host's state for the reader. */
static int told(struct run *r, int err) {
    const struct machine *h = sim_node_machine(r->node);
    if (err == ERR_BUSY)
        return err_set(r->ei, err, "", "the host is busy with %s", machine_action_name(h->doing));
    if (err == ERR_STATE)
        return err_set(r->ei, err, "", "not possible now: the host is in %s, the tunnel is %s",
                       machine_state_name(h->state), sim_node_connected(r->node) ? "up" : "not up");
    return err < 0 ? err_set(r->ei, err, "", "%s", err_text(err)) : 0;
}

/* --- the commands --- */

static int run_list(struct run *r) {
    sim_node_describe(r->node, r->lines);
    return buf_puts(r->lines, "\n");
}

static int run_state(struct run *r) {
    const struct machine *h = sim_node_machine(r->node);
    buf_putf(r->lines, "%s host=%s cim=%u requests=%u refused=%u", sim_node_config(r->node)->id.name,
             machine_state_name(h->state), machine_state_cim(h->state), h->requests, h->refused);
    for (int a = 1; a < MACHINE_ACT_COUNT; a++)
        if (h->done[a])
            buf_putf(r->lines, " %s=%u", machine_action_name((enum machine_action)a), h->done[a]);
    return buf_puts(r->lines, "\n");
}

static int run_local(struct run *r) {
    return told(r, sim_node_local(r->node, (enum machine_action)r->cmd->command->how));
}
/* Whatever it takes to have the operating system up: boot, resume, or wake. */
static int run_boot(struct run *r) {
    static const enum machine_action BY_STATE[] = {
        [MACHINE_S0] = MACHINE_ACT_NONE,     [MACHINE_MS] = MACHINE_ACT_WAKE,
        [MACHINE_S3] = MACHINE_ACT_RESUME,   [MACHINE_S4] = MACHINE_ACT_POWER_ON,
        [MACHINE_S5] = MACHINE_ACT_POWER_ON, [MACHINE_G3] = MACHINE_ACT_NONE};
    enum machine_action a = BY_STATE[sim_node_machine(r->node)->state];
    return told(r, a == MACHINE_ACT_NONE ? ERR_STATE : sim_node_local(r->node, a));
}
static int run_button(struct run *r) {
    return told(r, sim_node_button(r->node));
}
static int run_cut(struct run *r) {
    if (r->cmd->nargs && !sim_cmd_is(sim_cmd_arg(r, 0), "rst"))
        return sim_cmd_bad(r, 0, "rst");
    return told(r, sim_node_power_cut(r->node, r->cmd->nargs > 0));
}
static int run_restore(struct run *r) {
    return told(r, sim_node_power_restore(r->node));
}
static int run_drop(struct run *r) {
    return told(r, sim_node_drop(r->node, r->cmd->command->how));
}
static int run_start(struct run *r) {
    if (r->cmd->command->how)
        sim_node_start(r->node);
    else
        sim_node_stop(r->node);
    return 0;
}

static int run_blackhole(struct run *r) {
    bool on;
    int e = sim_cmd_on_off(r, 0, &on);
    if (e == 0)
        sim_node_fault(r->node, SIM_FAULT_BLACKHOLE, on, 0);
    return e;
}

static int run_fault(struct run *r) {
    if (sim_cmd_is(sim_cmd_arg(r, 0), "none")) {
        sim_node_faults_clear(r->node);
        return 0;
    }
    enum sim_fault f = sim_fault_find(slice_str(sim_cmd_arg(r, 0)));
    if (f == SIM_FAULT_COUNT)
        return err_set(r->ei, ERR_INVALID, "fault", "there is no fault \"%s\"; help lists them",
                       sim_cmd_arg(r, 0));
    bool off = sim_cmd_is(sim_cmd_arg(r, 1), "off");
    uint64_t value = 0;
    if (r->cmd->nargs > 1 && !off && !sim_cmd_is(sim_cmd_arg(r, 1), "on") &&
        (!sim_fault_arg_name(f) || !slice_to_u64(slice_str(sim_cmd_arg(r, 1)), UINT32_MAX, &value) ||
         value == 0))
        return err_set(r->ei, ERR_INVALID, "fault", "fault %s takes %s, not \"%s\"", sim_fault_name(f),
                       sim_fault_arg_name(f) ? "a number above 0, on or off" : "on or off",
                       sim_cmd_arg(r, 1));
    sim_node_fault(r->node, f, !off, (uint32_t)value);
    return 0;
}

static int run_bios(struct run *r) {
    static const struct {
        const char *text;
        int which, value;
    } SETTINGS[] = {
        {"me-in-sleep=on", 0, 1},
        {"me-in-sleep=off", 0, 0},
        {"sleep-drop=reset", 1, SIM_DROP_RESET},
        {"sleep-drop=close", 1, SIM_DROP_CLOSE},
        {"sleep-drop=silent", 1, SIM_DROP_SILENT},
        {"after-power-loss=last", 2, MACHINE_LOSS_LAST},
        {"after-power-loss=on", 2, MACHINE_LOSS_ON},
        {"after-power-loss=off", 2, MACHINE_LOSS_OFF},
    };
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        if (!sim_cmd_is(sim_cmd_arg(r, 0), SETTINGS[i].text))
            continue;
        if (SETTINGS[i].which == 0)
            sim_node_me_in_sleep(r->node, SETTINGS[i].value);
        else if (SETTINGS[i].which == 1)
            sim_node_sleep_drop(r->node, (enum sim_sleep_drop)SETTINGS[i].value);
        else
            sim_node_after_loss(r->node, (enum machine_after_loss)SETTINGS[i].value);
        return 0;
    }
    return sim_cmd_bad(r, 0,
                       "me-in-sleep=on|off, sleep-drop=reset|close|silent, after-power-loss=last|on|off");
}

static int run_uuid(struct run *r) {
    struct uuid u = sim_node_config(r->node)->id.uuid;
    if (sim_cmd_is(sim_cmd_arg(r, 0), "swapped") || sim_cmd_is(sim_cmd_arg(r, 0), "swap"))
        u = uuid_swap(u);
    else if (!uuid_parse(slice_str(sim_cmd_is(sim_cmd_arg(r, 0), "placeholder")
                                       ? "03000200-0400-0500-0006-000700080009"
                                       : sim_cmd_arg(r, 0)),
                         &u))
        return sim_cmd_bad(r, 0, "a UUID, placeholder, swapped");
    sim_node_set_uuid(r->node, u);
    return 0;
}

static int run_lms(struct run *r) {
    bool on;
    int e = sim_cmd_on_off(r, 0, &on);
    if (e == 0)
        sim_node_lms(r->node, on);
    return e;
}

static int run_latency(struct run *r) {
    struct slice rest = slice_str(sim_cmd_arg(r, 0));
    uint64_t min = 1, max = 0; /* min > max: the fleet's */
    if (!sim_cmd_is(sim_cmd_arg(r, 0), "default")) {
        struct slice first = slice_cut(&rest, '-');
        if (!slice_to_u64(first, 3600000, &min) || (rest.n && !slice_to_u64(rest, 3600000, &max)))
            return sim_cmd_bad(r, 0, "MS, MIN-MAX, default");
        if (!rest.n)
            max = min;
        if (min > max)
            return sim_cmd_bad(r, 0, "MIN-MAX with MIN <= MAX");
    }
    sim_node_latency(r->node, (uint32_t)min, (uint32_t)max);
    return 0;
}

static int run_log(struct run *r) {
    uint64_t n = MACHINE_RECORDS;
    if (r->cmd->nargs && !slice_to_u64(slice_str(sim_cmd_arg(r, 0)), 1000000, &n))
        return sim_cmd_bad(r, 0, "a number");
    struct loop *l = sim_fleet_loop(sim_node_fleet(r->node));
    const struct machine_record *x;
    for (uint32_t i = 0; i < n && (x = machine_record(sim_node_machine(r->node), i)); i++) {
        char when[WALL_TEXT_CAP];
        struct wall at = {loop_wall(l).us - (loop_now(l).us - x->at.us)};
        buf_putf(r->lines, "%s %s %s %s->%s %s\n", sim_node_config(r->node)->id.name, wall_rfc3339(at, when),
                 machine_action_name((enum machine_action)x->action),
                 machine_state_name((enum machine_state)x->from),
                 machine_state_name((enum machine_state)x->to), x->remote ? "remote" : "local");
    }
    return 0;
}

const struct sim_command SIM_COMMANDS[] = {
    {"help", NO_NODES, 0, 0, "", "this table", NULL, 0},
    {"stats", NO_NODES, 0, 0, "", "counters of the whole fleet, key=value", NULL, 0},
    {"list", MAY_NODES, 0, 0, "", "one line a node", run_list, 0},
    {"state", MUST_NODES, 0, 0, "", "power state and what was executed", run_state, 0},
    {"log", MUST_NODES, 0, 1, "[N]", "the last N power actions, newest first", run_log, 0},
    {"os-shutdown", MUST_NODES, 0, 0, "", "shutdown now, in the operating system", run_local,
     MACHINE_ACT_SHUTDOWN},
    {"os-reboot", MUST_NODES, 0, 0, "", "reboot, in the operating system", run_local, MACHINE_ACT_RESTART},
    {"os-sleep", MUST_NODES, 0, 0, "", "sleep (S3, or Modern Standby)", run_local, MACHINE_ACT_SLEEP},
    {"os-hibernate", MUST_NODES, 0, 0, "", "hibernate (S4)", run_local, MACHINE_ACT_HIBERNATE},
    {"os-boot", MUST_NODES, 0, 0, "", "switch on or wake at the machine", run_boot, 0},
    {"power-button", MUST_NODES, 0, 0, "", "press the power button", run_button, 0},
    {"power-cut", MUST_NODES, 0, 1, "[rst]",
     "the machine loses power; its tunnel goes silent (rst: is reset)", run_cut, 0},
    {"power-restore", MUST_NODES, 0, 0, "", "power is back: BIOS decides, a new tunnel connects", run_restore,
     0},
    {"reset-tcp", MUST_NODES, 0, 0, "", "reset the tunnel's connection", run_drop, 1},
    {"close-tcp", MUST_NODES, 0, 0, "", "close the tunnel cleanly", run_drop, 0},
    {"start", MUST_NODES, 0, 0, "", "connect, and keep connecting", run_start, 1},
    {"stop", MUST_NODES, 0, 0, "", "close the tunnel and stay off-line", run_start, 0},
    {"blackhole", MUST_NODES, 1, 1, "on|off", "nothing goes in or out any more", run_blackhole, 0},
    {"fault", MUST_NODES, 1, 2, "NAME|none [ARG|on|off]", "switch a fault, see below", run_fault, 0},
    {"bios", MUST_NODES, 1, 1, "KEY=VALUE",
     "me-in-sleep=on|off, sleep-drop=reset|close|silent, after-power-loss=last|on|off", run_bios, 0},
    {"uuid", MUST_NODES, 1, 1, "UUID|placeholder|swapped", "change the firmware's UUID; reconnects", run_uuid,
     0},
    {"smbios", MUST_NODES, 1, 1, "UUID", "change the UUID that the operating system sees", run_smbios, 0},
    {"board", MUST_NODES, 2, 2, "VENDOR NAME", "change the board that the operating system sees", run_board,
     0},
    {"suffix", MUST_NODES, 2, 2, "mebx|dhcp DOMAIN|none", "the DNS suffix of MEBx, or that of the wired link",
     run_suffix, 0},
    {"amt", MUST_NODES, 1, 1, "on|off|bios-on|bios-off", "AMT enabled by the host, by BIOS", run_amt, 0},
    {"prov", MUST_NODES, 0, 0, "", "what is set up, and how often each step was executed", run_prov, 0},
    {"secrets", MUST_NODES, 0, 0, "", "the secrets that the firmware has", run_secrets, 0},
    {"foreign", MUST_NODES, 1, 2, "HOST[:PORT] [ccm|acm]", "set up by somebody else, with a server there",
     run_foreign, 0},
    {"prov-drop", MUST_NODES, 1, 3, "STEP|none [before|after] [TIMES]",
     "the connection is gone before, or after, STEP was executed", run_step_fault, SIM_STEP_DROP},
    {"prov-mute", MUST_NODES, 1, 3, "STEP|none [before|after] [TIMES]",
     "the answer of STEP never comes; before: it was not executed either", run_step_fault, SIM_STEP_MUTE},
    {"prov-wrong", MUST_NODES, 1, 3, "STEP|none [VALUE] [TIMES]",
     "STEP is not executed and returns VALUE (a fault when it is no method)", run_step_fault, SIM_STEP_WRONG},
    {"prov-garbage", MUST_NODES, 1, 2, "STEP|none [TIMES]",
     "STEP is executed and answered with bytes that are no XML", run_step_fault, SIM_STEP_GARBAGE},
    {"lms", MUST_NODES, 1, 1, "on|off", "LMS and agent in the operating system", run_lms, 0},
    {"latency", MUST_NODES, 1, 1, "MIN-MAX|default", "milliseconds until firmware answers", run_latency, 0},
    {"consent", MUST_NODES, 0, 1, "[show|code]", "consent and its clocks; code: the six digits alone",
     run_consent, 0},
    {"consent-policy", MUST_NODES, 1, 1, "none|kvm|all", "who needs consent", run_consent_policy, 0},
    {"consent-code", MUST_NODES, 1, 1, "DIGITS", "the next code is this one", run_consent_code, 0},
    {"consent-times", MUST_NODES, 2, 2, "REUSE DISPLAY",
     "OptInCodeTimeout and OptInDisplayTimeout in seconds (120 300)", run_consent_times, 0},
    {"sessions", MUST_NODES, 0, 0, "", "the open redirection sessions: kind, since, bytes", run_sessions, 0},
    {"session-close", MUST_NODES, 1, 1, "KIND", "the firmware closes its kvm, sol or ider session",
     run_session_close, 0},
    {"busy", MUST_NODES, 2, 2, "KIND on|off", "pretend a foreign session: the next is refused as busy",
     run_busy, 0},
    {"getty", MUST_NODES, 1, 1, "on|off", "does anything answer on the serial line (SOL)?", run_getty, 0},
    {"kvm", MUST_NODES, 2, 2, "size WxH | still on|off | padded on|off",
     "the display, its moving part, the rows of palettes", run_kvm, 0},
    {"kvm-fault", MUST_NODES, 1, 2, "NAME [on|off]", "switch a fault of the KVM stream, see below",
     run_kvm_fault, 0},
    {"session", MUST_NODES, 1, 2, "on|off [queue]", "pretend a KVM session: power-off is refused, or queued",
     run_session, 0},
    {"ider", MUST_NODES, 1, 4, "show | read cd|floppy [LBA [BLOCKS]] | dma on|off | skip | error",
     "what the host does with an IDE-R medium, and its faults", run_ider, 0},
};
const size_t SIM_NCOMMANDS = sizeof SIM_COMMANDS / sizeof SIM_COMMANDS[0];
