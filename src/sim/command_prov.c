/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of set-up: what is set up, by whom, what goes wrong with it, and what the host sees. */
#include "sim/command_int.h"

int run_prov(struct run *r) {
    sim_node_prov_describe(r->node, r->lines);
    return buf_puts(r->lines, "\n");
}

int run_secrets(struct run *r) {
    int e = sim_node_secrets(r->node, r->lines);
    return e < 0 ? e : buf_puts(r->lines, "\n");
}

static int take_times(struct run *r, unsigned i, uint32_t *times) {
    uint64_t v = 1;
    if (r->cmd->nargs > i && !slice_to_u64(slice_str(sim_cmd_arg(r, i)), 1000000, &v))
        return sim_cmd_bad(r, i, "how many times (0: each time)");
    *times = (uint32_t)v;
    return 0;
}

int run_step_fault(struct run *r) {
    enum sim_step_fault_kind kind = (enum sim_step_fault_kind)r->cmd->command->how;
    struct sim_step_fault f = {.kind = (uint8_t)kind, .value = 1};
    const char *word = sim_cmd_arg(r, 1);
    uint64_t value = 1;
    unsigned times_at = kind == SIM_STEP_GARBAGE ? 1 : 2;
    if (!slice_to_str(slice_str(sim_cmd_arg(r, 0)), f.step, sizeof f.step))
        return sim_cmd_bad(r, 0, "the steps, classes and methods, which are shorter");
    if (sim_cmd_is(f.step, "none"))
        f = (struct sim_step_fault){0};
    if (kind == SIM_STEP_WRONG && *word && !slice_to_u64(slice_str(word), UINT32_MAX, &value))
        return sim_cmd_bad(r, 1, "a ReturnValue");
    f.value = (uint32_t)value;
    if ((kind == SIM_STEP_DROP || kind == SIM_STEP_MUTE) && *word) {
        f.after = sim_cmd_is(word, "after");
        if (!f.after && !sim_cmd_is(word, "before"))
            return sim_cmd_bad(r, 1, "before, after");
    }
    int e = take_times(r, times_at, &f.times);
    if (e == 0)
        sim_node_step_fault(r->node, &f);
    return e;
}

int run_foreign(struct run *r) {
    const char *mode = sim_cmd_arg(r, 1);
    bool acm = !*mode || sim_cmd_is(mode, "acm");
    if (!acm && !sim_cmd_is(mode, "ccm"))
        return sim_cmd_bad(r, 1, "ccm, acm");
    return sim_node_foreign(r->node, slice_str(sim_cmd_arg(r, 0)), acm ? 2 : 1, r->ei);
}

int run_smbios(struct run *r) {
    struct uuid u;
    if (!uuid_parse(slice_str(sim_cmd_arg(r, 0)), &u))
        return sim_cmd_bad(r, 0, "a UUID");
    sim_node_set_smbios(r->node, u);
    return 0;
}

int run_board(struct run *r) {
    sim_node_set_board(r->node, slice_str(sim_cmd_arg(r, 0)), slice_str(sim_cmd_arg(r, 1)));
    return 0;
}

int run_suffix(struct run *r) {
    bool mebx = sim_cmd_is(sim_cmd_arg(r, 0), "mebx");
    const char *name = sim_cmd_is(sim_cmd_arg(r, 1), "none") ? "" : sim_cmd_arg(r, 1);
    if (!mebx && !sim_cmd_is(sim_cmd_arg(r, 0), "dhcp"))
        return sim_cmd_bad(r, 0, "mebx, dhcp");
    int e = sim_node_dns_suffix(r->node, mebx, slice_str(name));
    return e < 0 ? sim_cmd_bad(r, 1, "domains of less than 128 characters") : 0;
}

int run_amt(struct run *r) {
    static const struct {
        const char *word;
        void (*fn)(struct sim_node *n, bool on);
        bool on;
    } WORDS[] = {{"on", sim_node_switch, true},
                 {"off", sim_node_switch, false},
                 {"bios-on", sim_node_bios_amt, true},
                 {"bios-off", sim_node_bios_amt, false}};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (!sim_cmd_is(sim_cmd_arg(r, 0), WORDS[i].word))
            continue;
        WORDS[i].fn(r->node, WORDS[i].on);
        return 0;
    }
    return sim_cmd_bad(r, 0, "on, off, bios-on, bios-off");
}
