/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/command_int.h"

#include <inttypes.h>
#include <stdio.h>

const char *sim_cmd_arg(const struct run *r, unsigned i) {
    return i < r->cmd->nargs ? r->cmd->args[i] : "";
}
bool sim_cmd_is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}
int sim_cmd_bad(struct run *r, unsigned i, const char *expected) {
    return err_set(r->ei, ERR_INVALID, r->cmd->command->name, "%s: \"%s\" is not one of %s",
                   r->cmd->command->name, sim_cmd_arg(r, i), expected);
}
/* "on"/"off" */
int sim_cmd_on_off(struct run *r, unsigned i, bool *on) {
    *on = sim_cmd_is(sim_cmd_arg(r, i), "on");
    return *on || sim_cmd_is(sim_cmd_arg(r, i), "off") ? 0 : sim_cmd_bad(r, i, "on, off");
}

/* --- help --- */

int sim_cmd_help(struct buf *out) {
    static const char *const NODES[] = {"", "[NODES]", "NODES"};
    buf_puts(out, "NODES: a name, a number, a range a-b, or *\n");
    for (size_t i = 0; i < SIM_NCOMMANDS; i++) {
        char head[128];
        snprintf(head, sizeof head, "%s %s %s", SIM_COMMANDS[i].name, NODES[SIM_COMMANDS[i].nodes],
                 SIM_COMMANDS[i].usage);
        buf_putf(out, "%-44s %s\n", head, SIM_COMMANDS[i].help);
    }
    buf_puts(out, "faults:\n");
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        char head[128];
        const char *name = sim_fault_arg_name((enum sim_fault)f);
        snprintf(head, sizeof head, "%s %s", sim_fault_name((enum sim_fault)f), name ? name : "");
        buf_putf(out, "  %-42s %s\n", head, sim_fault_help((enum sim_fault)f));
    }
    buf_puts(out, "steps of set-up (or a class, a method, Class.Method):\n ");
    for (size_t i = 0; sim_step_name(i); i++)
        buf_putf(out, " %s", sim_step_name(i));
    buf_puts(out, "\nfaults of KVM:\n");
    for (int f = 0; f < SIM_KVM_FAULT_COUNT; f++)
        buf_putf(out, "  %-42s %s\n", sim_kvm_fault_name((enum sim_kvm_fault)f),
                 sim_kvm_fault_help((enum sim_kvm_fault)f));
    return out->failed ? ERR_NOMEM : 0;
}

/* --- parsing --- */

static unsigned split(char *text, const char **words, unsigned max) {
    unsigned n = 0;
    for (char *p = text; *p;) {
        while (*p == ' ' || *p == '\t')
            *p++ = 0;
        if (!*p)
            break;
        if (n < max)
            words[n] = p;
        n++;
        while (*p && *p != ' ' && *p != '\t')
            p++;
    }
    return n;
}

static int parse_nodes(struct sim_cmd *c, const char *word, struct errinfo *ei) {
    struct slice rest = slice_str(word), first;
    uint64_t a, b;
    c->name = NULL;
    c->first = 1;
    c->last = UINT32_MAX;
    if (sim_cmd_is(word, "*"))
        return 0;
    first = slice_cut(&rest, '-');
    if (!slice_to_u64(first, UINT32_MAX, &a)) {
        c->name = word;
        c->first = c->last = 0;
        return 0;
    }
    b = a;
    if (strchr(word, '-') && !slice_to_u64(rest, UINT32_MAX, &b))
        b = 0;
    if (a == 0 || b < a)
        return err_set(ei, ERR_INVALID, "nodes", "\"%s\" is no range of nodes: give a-b, counted from 1",
                       word);
    c->first = (uint32_t)a;
    c->last = (uint32_t)b;
    return 0;
}

static int wrong_count(const struct sim_command *k, struct errinfo *ei) {
    return err_set(ei, ERR_INVALID, k->name, "usage: %s%s%s%s", k->name,
                   k->nodes == MUST_NODES  ? " NODES"
                   : k->nodes == MAY_NODES ? " [NODES]"
                                           : "",
                   *k->usage ? " " : "", k->usage);
}

int sim_cmd_parse(struct sim_cmd *c, struct slice line, struct errinfo *ei) {
    *c = (struct sim_cmd){.first = 1, .last = UINT32_MAX};
    line = slice_trim(line);
    if (line.n && memchr(line.p, 0, line.n))
        return err_set(ei, ERR_INVALID, "", "the line has a NUL byte");
    if (!slice_to_str(line, c->text, sizeof c->text))
        return err_set(ei, ERR_INVALID, "", "the line is longer than %d bytes", SIM_CMD_LINE_MAX - 1);
    const char *words[SIM_CMD_WORDS];
    unsigned n = split(c->text, words, SIM_CMD_WORDS), at = 1;
    if (n == 0)
        return err_set(ei, ERR_INVALID, "", "a command is missing; help lists them");
    for (size_t i = 0; i < SIM_NCOMMANDS && !c->command; i++)
        if (sim_cmd_is(words[0], SIM_COMMANDS[i].name))
            c->command = &SIM_COMMANDS[i];
    const struct sim_command *k = c->command;
    if (!k)
        return err_set(ei, ERR_INVALID, "", "there is no command \"%s\"; help lists them", words[0]);
    if (n > SIM_CMD_WORDS)
        return wrong_count(k, ei);
    if (k->nodes == MUST_NODES && n < 2)
        return wrong_count(k, ei);
    if (k->nodes != NO_NODES && n > 1) {
        int e = parse_nodes(c, words[at++], ei);
        if (e < 0)
            return e;
    }
    while (at < n)
        c->args[c->nargs++] = words[at++];
    if (c->nargs < k->min_args || c->nargs > k->max_args)
        return wrong_count(k, ei);
    return 0;
}

void sim_cmd_copy(struct sim_cmd *to, const struct sim_cmd *from) {
    *to = *from;
    if (from->name)
        to->name = to->text + (from->name - from->text);
    for (unsigned i = 0; i < from->nargs; i++)
        to->args[i] = to->text + (from->args[i] - from->text);
}

/* --- running --- */

static void count(struct sim_node *node, struct sim_cmd_result *r) {
    const struct machine *h = sim_node_machine(node);
    for (int a = 0; a < MACHINE_ACT_COUNT; a++) {
        r->executed[a] += h->done[a];
        r->executed_remote[a] += h->done_remote[a];
    }
}

static void run_one(const struct sim_cmd *c, struct sim_node *node, struct sim_cmd_result *r) {
    struct errinfo ei = {0};
    struct run run = {.node = node, .cmd = c, .lines = &r->lines, .ei = &ei};
    r->matched++;
    if (c->command->run(&run) < 0 && r->failed++ == 0)
        snprintf(r->error, sizeof r->error, "%s: %.150s", sim_node_config(node)->id.name,
                 ei.text[0] ? ei.text : "out of memory");
}

void sim_cmd_run(const struct sim_cmd *c, struct sim_node *const *nodes, size_t n, uint32_t first_number,
                 uint32_t step, struct sim_cmd_result *r) {
    if (n)
        r->counters = *sim_fleet_counters(sim_node_fleet(nodes[0]));
    for (size_t i = 0; i < n; i++) {
        uint64_t number = first_number + (uint64_t)i * step;
        if (!c->command->run)
            count(nodes[i], r);
        else if (c->name ? sim_cmd_is(c->name, sim_node_config(nodes[i])->id.name)
                         : number >= c->first && number <= c->last)
            run_one(c, nodes[i], r);
    }
}

void sim_cmd_merge(struct sim_cmd_result *into, struct sim_cmd_result *from) {
    buf_put(&into->lines, buf_slice(&from->lines));
    into->matched += from->matched;
    if (into->failed == 0)
        memcpy(into->error, from->error, sizeof into->error);
    into->failed += from->failed;
    sim_counters_add(&into->counters, &from->counters);
    for (int a = 0; a < MACHINE_ACT_COUNT; a++) {
        into->executed[a] += from->executed[a];
        into->executed_remote[a] += from->executed_remote[a];
    }
    sim_cmd_result_free(from);
}

void sim_cmd_result_free(struct sim_cmd_result *r) {
    buf_free(&r->lines);
    *r = (struct sim_cmd_result){0};
}

/* --- replying --- */

static void put_lines(struct buf *out, struct slice lines) {
    while (lines.n) {
        struct slice line = slice_cut(&lines, '\n');
        buf_puts(out, "\t");
        buf_put(out, line);
        buf_puts(out, "\n");
    }
}

static void put_stats(struct buf *out, const struct sim_cmd_result *r) {
    buf_puts(out, "ok");
#define C(name) buf_putf(out, " " #name "=%" PRIu64, (uint64_t)r->counters.name);
    SIM_COUNTER_TABLE(C)
#undef C
    for (int a = 1; a < MACHINE_ACT_COUNT; a++)
        buf_putf(out, " %s=%" PRIu64 " remote-%s=%" PRIu64, machine_action_name((enum machine_action)a),
                 r->executed[a], machine_action_name((enum machine_action)a), r->executed_remote[a]);
    buf_puts(out, "\n");
}

int sim_cmd_reply(const struct sim_cmd *c, const struct sim_cmd_result *r, struct buf *out) {
    if (sim_cmd_is(c->command->name, "help")) {
        struct buf text = {0};
        sim_cmd_help(&text);
        put_lines(out, buf_slice(&text));
        buf_free(&text);
        buf_puts(out, "ok\n");
    } else if (sim_cmd_is(c->command->name, "stats")) {
        put_stats(out, r);
    } else if (r->matched == 0 && c->name) {
        buf_putf(out, "error there is no node \"%s\"\n", c->name);
    } else if (r->matched == 0) {
        buf_puts(out, "error there are no such nodes\n");
    } else {
        put_lines(out, buf_slice(&r->lines));
        if (r->failed > 1)
            buf_putf(out, "error %u of %u nodes failed; %s\n", r->failed, r->matched, r->error);
        else if (r->failed)
            buf_putf(out, "error %s\n", r->error);
        else
            buf_putf(out, "ok %u node%s\n", r->matched, r->matched == 1 ? "" : "s");
    }
    return out->failed ? ERR_NOMEM : 0;
}
