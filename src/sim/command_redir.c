/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about redirection: consent, sessions, the serial line, the display, the medium. */
#include "sim/command_int.h"
#include "sim/optin.h"

int run_consent(struct run *r) {
    if (sim_cmd_is(sim_cmd_arg(r, 0), "code")) {
        const char *code = sim_node_consent_code(r->node);
        return code[0] ? buf_putf(r->lines, "%s\n", code)
                       : err_set(r->ei, ERR_STATE, "", "no code is on the screen");
    }
    if (r->cmd->nargs && !sim_cmd_is(sim_cmd_arg(r, 0), "show"))
        return sim_cmd_bad(r, 0, "show, code");
    buf_putf(r->lines, "%s ", sim_node_config(r->node)->id.name);
    sim_node_consent_describe(r->node, r->lines);
    return buf_puts(r->lines, "\n");
}

int run_consent_policy(struct run *r) {
    static const struct {
        const char *text;
        uint32_t required;
    } POLICIES[] = {{"none", OPTIN_NONE}, {"kvm", OPTIN_KVM}, {"all", OPTIN_ALL}};
    for (size_t i = 0; i < sizeof POLICIES / sizeof POLICIES[0]; i++) {
        if (sim_cmd_is(sim_cmd_arg(r, 0), POLICIES[i].text)) {
            sim_node_consent_policy(r->node, POLICIES[i].required);
            return 0;
        }
    }
    return sim_cmd_bad(r, 0, "none, kvm, all");
}

int run_consent_code(struct run *r) {
    struct slice digits = slice_str(sim_cmd_arg(r, 0));
    uint64_t code;
    if (digits.n != 6 || !slice_to_u64(digits, 999999, &code))
        return sim_cmd_bad(r, 0, "six digits");
    sim_node_consent_next(r->node, (uint32_t)code);
    return 0;
}

int run_consent_times(struct run *r) {
    uint64_t s[2];
    for (unsigned i = 0; i < 2; i++)
        if (!slice_to_u64(slice_str(sim_cmd_arg(r, i)), 3600, &s[i]) || s[i] == 0)
            return sim_cmd_bad(r, i, "seconds from 1 to 3600");
    sim_node_consent_times(r->node, (uint32_t)s[0], (uint32_t)s[1]);
    return 0;
}

/* "kvm", "sol", "ider" */
static int kind(struct run *r, unsigned i, enum redir_kind *k) {
    return redir_kind_parse(sim_cmd_arg(r, i), k) ? 0 : sim_cmd_bad(r, i, "kvm, sol, ider");
}

int run_sessions(struct run *r) {
    return sim_node_sessions_describe(r->node, r->lines);
}
int run_session_close(struct run *r) {
    enum redir_kind k;
    int e = kind(r, 0, &k);
    if (e == 0 && sim_node_session_close(r->node, k) < 0)
        e = err_set(r->ei, ERR_NOT_FOUND, "", "no %s session is open", redir_kind_name(k));
    return e;
}
int run_busy(struct run *r) {
    enum redir_kind k;
    bool on;
    int e = kind(r, 0, &k);
    if (e == 0)
        e = sim_cmd_on_off(r, 1, &on);
    if (e == 0)
        sim_node_busy(r->node, k, on);
    return e;
}
int run_getty(struct run *r) {
    bool on;
    int e = sim_cmd_on_off(r, 0, &on);
    if (e == 0)
        sim_node_getty(r->node, on);
    return e;
}

/* "size WxH", or a knob with on or off. */
int run_kvm(struct run *r) {
    bool on;
    if (sim_cmd_is(sim_cmd_arg(r, 0), "size")) {
        struct slice h = slice_str(sim_cmd_arg(r, 1)), w = slice_cut(&h, 'x');
        uint64_t width, height;
        if (!slice_to_u64(w, KVM_SIDE_MAX, &width) || !slice_to_u64(h, KVM_SIDE_MAX, &height) || !width ||
            !height)
            return sim_cmd_bad(r, 1, "WIDTHxHEIGHT up to 4096x4096");
        sim_node_kvm_size(r->node, (uint16_t)width, (uint16_t)height);
        return 0;
    }
    if (!sim_cmd_is(sim_cmd_arg(r, 0), "still") && !sim_cmd_is(sim_cmd_arg(r, 0), "padded"))
        return sim_cmd_bad(r, 0, "size, still, padded");
    int e = sim_cmd_on_off(r, 1, &on);
    if (e == 0 && sim_cmd_is(sim_cmd_arg(r, 0), "still"))
        sim_node_kvm_still(r->node, on);
    else if (e == 0)
        sim_node_kvm_padded(r->node, on);
    return e;
}

int run_kvm_fault(struct run *r) {
    bool on = true;
    enum sim_kvm_fault f = sim_kvm_fault_find(slice_str(sim_cmd_arg(r, 0)));
    if (f == SIM_KVM_FAULT_COUNT)
        return err_set(r->ei, ERR_INVALID, "kvm-fault", "there is no KVM fault \"%s\"; help lists them",
                       sim_cmd_arg(r, 0));
    int e = r->cmd->nargs > 1 ? sim_cmd_on_off(r, 1, &on) : 0;
    if (e == 0)
        sim_node_kvm_fault(r->node, f, on);
    return e;
}

int run_session(struct run *r) {
    bool on;
    int e = sim_cmd_on_off(r, 0, &on);
    if (e == 0 && r->cmd->nargs > 1 && !sim_cmd_is(sim_cmd_arg(r, 1), "queue"))
        e = sim_cmd_bad(r, 1, "queue");
    if (e == 0)
        sim_node_session(r->node, on, r->cmd->nargs > 1);
    return e;
}

static int ider_read(struct run *r) {
    uint64_t lba = 0, blocks = 0;
    bool cd = sim_cmd_is(sim_cmd_arg(r, 1), "cd");
    if (!cd && !sim_cmd_is(sim_cmd_arg(r, 1), "floppy"))
        return sim_cmd_bad(r, 1, "cd, floppy");
    if ((r->cmd->nargs > 2 && !slice_to_u64(slice_str(sim_cmd_arg(r, 2)), UINT32_MAX, &lba)) ||
        (r->cmd->nargs > 3 && !slice_to_u64(slice_str(sim_cmd_arg(r, 3)), UINT32_MAX, &blocks)))
        return sim_cmd_bad(r, r->cmd->nargs - 1, "a number of blocks");
    return sim_node_ider_read(r->node, cd ? IDER_CD : IDER_FLOPPY, (uint32_t)lba, (uint32_t)blocks);
}
static int ider_dma(struct run *r) {
    bool on;
    int e = sim_cmd_on_off(r, 1, &on);
    if (e == 0)
        sim_node_ider_dma(r->node, on);
    return e;
}
static int ider_show(struct run *r) {
    return sim_node_ider_describe(r->node, r->lines);
}
static int ider_skip(struct run *r) {
    return sim_node_ider_skip(r->node);
}
static int ider_report_error(struct run *r) {
    return sim_node_ider_error(r->node);
}

int run_ider(struct run *r) {
    static const struct {
        const char *name;
        int (*run)(struct run *r);
    } VERBS[] = {{"show", ider_show},
                 {"read", ider_read},
                 {"dma", ider_dma},
                 {"skip", ider_skip},
                 {"error", ider_report_error}};
    for (size_t i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++) {
        if (!sim_cmd_is(sim_cmd_arg(r, 0), VERBS[i].name))
            continue;
        int e = VERBS[i].run(r);
        if (e == 0 || r->ei->text[0])
            return e;
        return err_set(r->ei, e, "",
                       e == ERR_NOT_FOUND ? "no IDE-R session is open"
                       : e == ERR_STATE   ? "the host does not see the drives"
                                          : "the host is busy with them");
    }
    return sim_cmd_bad(r, 0, "show, read, dma, skip, error");
}
