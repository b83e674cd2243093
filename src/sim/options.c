/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/options.h"

#include "base/text.h"

#include <getopt.h>
#include <stdio.h>

/* O(name, argument or NULL, help) */
#define OPTION_TABLE(O)                                                                                      \
    O(server, "HOST:PORT", "where the tunnels go (required)")                                                \
    O(ca, "PEM", "file with the certificate that the server's chain must end at; without: any")              \
    O(verify_name, "NAME", "check the server's certificate against this name, too")                          \
    O(count, "N", "how many nodes (25)")                                                                     \
    O(csv_out, "FILE", "write the rows for `create host --import-from-csv` there, mode 0600")                \
    O(seed, "S", "number that names and secrets come from (1); the same seed is the same fleet")             \
    O(name_prefix, "P", "nodes are called P1, P2, … (node)")                                                 \
    O(profile, "A11|A12|A14|A15|A16|A18|A19", "firmware (A15)")                                              \
    O(start_state, "on|off", "the hosts' power state at the start (on)")                                     \
    O(desired, "on|off", "DesiredPowerState in the CSV file (as the start state)")                           \
    O(cira, "USER:PASSWORD",                                                                                 \
      "CIRA login of all nodes, for servers that know one a group (each has its own)")                       \
    O(ccm, "K", "the first K nodes are in client control mode")                                              \
    O(unprovisioned, NULL, "the nodes have no set-up and dial nobody until they get one")                    \
    O(unprovisioned_first, "K", "… the first K of them")                                                     \
    O(foreign, "K:HOST[:PORT]", "the first K nodes were set up by somebody else, whose server that is")      \
    O(provisioning_root, "PEM",                                                                              \
      "root of provisioning certificates that the firmware trusts, as if added in MEBx")                     \
    O(dns_suffix, "S", "PKI DNS suffix in the firmware: what a provisioning certificate must be for")        \
    O(mei, "DIR", "for programs at the nodes: DIR/NAME is the host interface, DIR/NAME.sys a tree as /sys")  \
    O(bios, "me-in-sleep=off[:K]", "BIOS switch of all nodes, or of the first K")                            \
    O(uuid, "placeholder:K|same:K", "the first K nodes have a placeholder UUID, or share one")               \
    O(no_lms, NULL, "no LMS and agent: no graceful operations")                                              \
    O(modern_standby, NULL, "Modern Standby platforms")                                                      \
    O(latency, "MIN-MAX", "milliseconds until firmware answers (20-120; 0: at once)")                        \
    O(transition, "MS", "accepted -> power state changes (1500); boot and shutdown follow in proportion")    \
    O(reconnect, "MS[-MAX]", "first pause before a new tunnel, doubling up to MAX (1000-30000)")             \
    O(connect_rate, "N/s", "nodes that begin to connect each second (500; 0: all at once)")                  \
    O(listen_direct, "ADDR:PORT",                                                                            \
      "the first --direct nodes answer WS-MAN there, too, each on the next port")                            \
    O(redirection_listen, "ADDR:PORT", "… and redirection (KVM, SOL, IDE-R) there, each on the next port")   \
    O(direct, "N", "how many (1)")                                                                           \
    O(control, "SOCK", "control socket; `amtsim ctl SOCK help` lists the commands")                          \
    O(threads, "N", "loops, the nodes are spread over them (1)")                                             \
    O(legacy_tls, NULL, "TLS 1.0 up, as old firmware")                                                       \
    O(wait, NULL, "print a line when all nodes are connected")                                               \
    O(hold, NULL, "do not connect until `start` comes by the control socket")                                \
    O(help, NULL, "this text")

enum option_id {
#define O(name, arg, help) OPT_##name,
    OPTION_TABLE(O)
#undef O
        OPT_COUNT
};
static const struct {
    const char *name, *arg, *help;
} OPTIONS[] = {
#define O(name, arg, help) {#name, arg, help},
    OPTION_TABLE(O)
#undef O
};
enum { NAME_CAP = 24, COUNT_MAX = 1000000, THREADS_MAX = 64, SUFFIX_MAX = 127 };

/* csv_out -> "csv-out" */
static const char *dashed(const char *name, char *out) {
    snprintf(out, NAME_CAP, "%s", name);
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
    return out;
}

int sim_options_help(struct buf *out) {
    buf_puts(out, "usage: amtsim --server HOST:PORT [OPTION…]\n"
                  "       amtsim ctl SOCK COMMAND…\n\n"
                  "Simulated Intel AMT machines behind CIRA tunnels.\n\n");
    for (int i = 0; i < OPT_COUNT; i++) {
        char name[NAME_CAP], head[64];
        snprintf(head, sizeof head, "--%s %s", dashed(OPTIONS[i].name, name),
                 OPTIONS[i].arg ? OPTIONS[i].arg : "");
        buf_putf(out, "  %-34s %s\n", head, OPTIONS[i].help);
    }
    return out->failed ? ERR_NOMEM : 0;
}

static int bad(struct errinfo *ei, enum option_id id, const char *value) {
    char name[NAME_CAP];
    return err_set(ei, ERR_INVALID, OPTIONS[id].name, "--%s takes %s, not \"%s\"",
                   dashed(OPTIONS[id].name, name), OPTIONS[id].arg, value);
}

static int number(struct errinfo *ei, enum option_id id, struct slice s, uint64_t max, uint32_t *out) {
    uint64_t v;
    char text[64];
    slice_to_str(s, text, sizeof text);
    if (!slice_to_u64(s, max, &v))
        return bad(ei, id, text);
    *out = (uint32_t)v;
    return 0;
}

/* "A" or "A-B" */
static int pair(struct errinfo *ei, enum option_id id, const char *value, uint32_t *a, uint32_t *b) {
    struct slice rest = slice_str(value), first = slice_cut(&rest, '-');
    int r = number(ei, id, first, 86400000, a);
    *b = *a;
    if (r == 0 && strchr(value, '-'))
        r = number(ei, id, rest, 86400000, b);
    return r == 0 && *a > *b ? bad(ei, id, value) : r;
}

static int on_off(struct errinfo *ei, enum option_id id, const char *value, bool *off) {
    *off = strcmp(value, "off") == 0;
    return *off || strcmp(value, "on") == 0 ? 0 : bad(ei, id, value);
}

/* "WORD:K", or with all "WORD" alone for every node. False when it is another word. */
static bool first_k(const char *value, const char *word, bool all, uint32_t *k) {
    size_t n = strlen(word);
    uint64_t v;
    if (strncmp(value, word, n) != 0)
        return false;
    if (all && !value[n]) {
        *k = UINT32_MAX;
        return true;
    }
    if (value[n] != ':' || !slice_to_u64(slice_str(value + n + 1), UINT32_MAX, &v))
        return false;
    *k = (uint32_t)v;
    return true;
}

static void scale(struct sim_options *o, uint32_t ms) {
    /* the proportions of MACHINE_TIMES_DEFAULT */
    o->times.host =
        (struct machine_times){.transition_ms = ms, .cycle_ms = 2 * ms, .post_ms = 10 * ms, .os_ms = 4 * ms};
}

static int take_plan(struct sim_options *o, enum option_id id, const char *v, struct errinfo *ei) {
    struct sim_plan *p = &o->plan;
    switch (id) {
    case OPT_count:
        return number(ei, id, slice_str(v), COUNT_MAX, &p->count);
    case OPT_seed:
        return slice_to_u64(slice_str(v), UINT64_MAX, &p->seed) ? 0 : bad(ei, id, v);
    case OPT_name_prefix:
        p->prefix = v;
        return *v && strlen(v) <= 28 && !v[strcspn(v, ",\"\n\r ")] ? 0 : bad(ei, id, v);
    case OPT_profile:
        p->profile = sim_profile_find(slice_str(v));
        return p->profile == SIM_PROFILE_COUNT ? bad(ei, id, v) : 0;
    case OPT_start_state:
        return on_off(ei, id, v, &p->start_off);
    case OPT_desired:
        p->desired_set = true;
        return on_off(ei, id, v, &p->desired_off);
    case OPT_cira:
        p->cira_password = slice_str(v);
        p->cira_user = slice_cut(&p->cira_password, ':');
        return p->cira_user.n && p->cira_user.n < SIM_SECRET_CAP && p->cira_password.n &&
                       p->cira_password.n < SIM_SECRET_CAP
                   ? 0
                   : bad(ei, id, v);
    case OPT_ccm:
        return number(ei, id, slice_str(v), UINT32_MAX, &p->ccm_first);
    case OPT_unprovisioned:
        p->unprovisioned_first = UINT32_MAX;
        return 0;
    case OPT_unprovisioned_first:
        return number(ei, id, slice_str(v), UINT32_MAX, &p->unprovisioned_first);
    case OPT_foreign:
        p->foreign = slice_str(v);
        return number(ei, id, slice_cut(&p->foreign, ':'), UINT32_MAX, &p->foreign_first) == 0 && p->foreign.n
                   ? 0
                   : bad(ei, id, v);
    case OPT_bios:
        return first_k(v, "me-in-sleep=off", true, &p->me_off_first) || strcmp(v, "me-in-sleep=on") == 0
                   ? 0
                   : bad(ei, id, v);
    case OPT_uuid:
        return first_k(v, "placeholder", false, &p->placeholder_first) ||
                       first_k(v, "same", false, &p->same_first)
                   ? 0
                   : bad(ei, id, v);
    case OPT_no_lms:
        p->no_lms = true;
        return 0;
    case OPT_modern_standby:
        p->modern = true;
        return 0;
    default:
        return ERR_NOT_FOUND;
    }
}

static int take(struct sim_options *o, enum option_id id, const char *v, struct errinfo *ei) {
    int r = take_plan(o, id, v, ei);
    uint32_t ms = 0;
    if (r != ERR_NOT_FOUND)
        return r;
    switch (id) {
    case OPT_server:
        o->server = v;
        return strchr(v, ':') ? 0 : bad(ei, id, v);
    case OPT_ca:
        o->ca = v;
        return 0;
    case OPT_verify_name:
        o->verify_name = v;
        return 0;
    case OPT_csv_out:
        o->csv_out = v;
        return 0;
    case OPT_latency:
        return pair(ei, id, v, &o->times.latency_min_ms, &o->times.latency_max_ms);
    case OPT_transition:
        r = number(ei, id, slice_str(v), 600000, &ms);
        if (r == 0)
            scale(o, ms);
        return r;
    case OPT_reconnect:
        r = pair(ei, id, v, &o->times.reconnect_ms, &o->times.reconnect_max_ms);
        return r == 0 && o->times.reconnect_ms == 0 ? bad(ei, id, v) : r;
    case OPT_connect_rate: {
        struct slice s = slice_str(v);
        if (s.n > 2 && slice_is(slice_skip(s, s.n - 2), "/s"))
            s = slice_head(s, s.n - 2);
        return number(ei, id, s, 1000000, &o->connect_rate);
    }
    case OPT_listen_direct:
        o->listen_direct = v;
        return strrchr(v, ':') ? 0 : bad(ei, id, v);
    case OPT_redirection_listen:
        o->redirection_listen = v;
        return strrchr(v, ':') ? 0 : bad(ei, id, v);
    case OPT_direct:
        return number(ei, id, slice_str(v), 1000, &o->direct);
    case OPT_control:
        o->control = v;
        return 0;
    case OPT_provisioning_root:
        o->provisioning_root = v;
        return 0;
    case OPT_dns_suffix:
        o->dns_suffix = v;
        return text_in_set(slice_str(v), TEXT_ALNUM "-.", 1, SUFFIX_MAX) ? 0 : bad(ei, id, v);
    case OPT_mei:
        o->mei = v;
        return 0;
    case OPT_threads:
        r = number(ei, id, slice_str(v), THREADS_MAX, &o->threads);
        return r == 0 && o->threads == 0 ? bad(ei, id, v) : r;
    case OPT_legacy_tls:
        o->legacy_tls = true;
        return 0;
    case OPT_wait:
        o->wait = true;
        return 0;
    case OPT_hold:
        o->hold = true;
        return 0;
    case OPT_help:
        o->help = true;
        return 0;
    default:
        return ERR_INVALID;
    }
}

int sim_options_parse(struct sim_options *o, int argc, char **argv, struct errinfo *ei) {
    char names[OPT_COUNT][NAME_CAP];
    struct option longs[OPT_COUNT + 1] = {{0}};
    *o = (struct sim_options){.plan = {.seed = 1, .prefix = "node", .count = 25, .profile = SIM_A15},
                              .times = SIM_TIMES_DEFAULT,
                              .direct = 1,
                              .connect_rate = 500,
                              .threads = 1};
    o->times.reconnect_max_ms = 30000; /* reference 5.9: an attempt every 30 s */
    for (int i = 0; i < OPT_COUNT; i++)
        longs[i] = (struct option){.name = dashed(OPTIONS[i].name, names[i]),
                                   .has_arg = OPTIONS[i].arg ? required_argument : no_argument,
                                   .val = 256 + i};
    optind = 1;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (c < 256)
            return err_set(ei, ERR_INVALID, "",
                           "option %s is unknown or lacks its argument; --help lists them", argv[optind - 1]);
        int r = take(o, (enum option_id)(c - 256), optarg, ei);
        if (r < 0)
            return r;
    }
    if (optind < argc)
        return err_set(ei, ERR_INVALID, "", "\"%s\" is no option; --help lists them", argv[optind]);
    if (!o->help && !o->server)
        return err_set(ei, ERR_INVALID, "server", "--server HOST:PORT is missing; --help lists the options");
    if (!o->help && o->plan.count == 0)
        return err_set(ei, ERR_INVALID, "count", "--count must be above 0");
    return 0;
}
