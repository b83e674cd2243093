/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/commands.h"

#include "agent/announce.h"
#include "agent/door.h"
#include "agent/facts.h"
#include "agent/run.h"
#include "base/log.h"
#include "http/now.h"
#include "rpc/fw.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_WRONG = 2, EXIT_LOGIN = 77, EXIT_CONFIG = 78 };

struct invocation {
    struct agent_config config;
    const char *word; /* behind the command; NULL none */
    bool once;
    FILE *out, *err;
};

/* --- enrol --- */

static int read_facts(const struct agent_config *c, struct buf *out, struct errinfo *ei) {
    struct serial serial;
    struct fw *f = fw_new(c->mei[0] ? c->mei : NULL);
    if (!f)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    facts_read(c, f, &serial, out);
    fw_free(&f);
    return out->failed ? err_set(ei, ERR_NOMEM, "", "out of memory") : 0;
}

static int cmd_enrol(struct invocation *v, struct errinfo *ei) {
    const struct agent_config *c = &v->config;
    struct identity id;
    struct buf facts = {0};
    if (identity_load(&id, c->state_dir, NULL) == 0) {
        err_set(ei, ERR_EXISTS, "", "this node is enrolled already, as %s (%s)", id.name, id.host);
        err_remedy(ei,
                   "To enrol anew, have its agent revoked at the server, and remove %.100s/identity.json.",
                   c->state_dir);
        identity_free(&id);
        return ERR_EXISTS;
    }
    int r = read_facts(c, &facts, ei);
    if (r == 0)
        r = door_enrol(c, buf_cstr(&facts), &id, ei);
    if (r == 0) {
        r = identity_save(&id, c->state_dir, ei);
        if (r == 0)
            fprintf(v->out, "enrolled as %s (%s) in the project %s\n", id.name, id.host, id.project);
        identity_free(&id);
    }
    buf_free(&facts);
    return r;
}

/* --- run, status, facts --- */

static int cmd_run(struct invocation *v, struct errinfo *ei) {
    return agent_run(&v->config, v->once, ei);
}

static int cmd_status(struct invocation *v, struct errinfo *ei) {
    struct identity id;
    char at[WALL_TEXT_CAP];
    int r = identity_load(&id, v->config.state_dir, ei);
    if (r < 0)
        return r;
    fprintf(v->out, "host: %s (%s)\nproject: %s\nserver: %s\ncertificate until: %s%s\n", id.name, id.host,
            id.project, v->config.server, wall_rfc3339(id.until, at),
            id.until.us < now_wall().us ? " (expired)" : "");
    identity_free(&id);
    return 0;
}

static int cmd_facts(struct invocation *v, struct errinfo *ei) {
    struct buf facts = {0};
    int r = read_facts(&v->config, &facts, ei);
    if (r == 0)
        fprintf(v->out, "%s\n", buf_cstr(&facts));
    buf_free(&facts);
    return r;
}

/* --- announce --- */

static int cmd_announce(struct invocation *v, struct errinfo *ei) {
    const struct agent_config *c = &v->config;
    static const char *const kinds[] = {"poweroff", "reboot", "suspend", "hibernate"};
    const char *kind = NULL;
    for (size_t i = 0; v->word && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(v->word, kinds[i]) == 0)
            kind = kinds[i];
    if (v->word && strcmp(v->word, "auto") == 0 && !(kind = announce_kind(c->systemctl)))
        return 0; /* the agent alone is stopped */
    if (!kind)
        return err_set(ei, ERR_SYNTAX, "",
                       "announce wants one of: auto, poweroff, reboot, suspend, hibernate");
    return announce_send(c, kind, ei);
}

/* --- the command line --- */

static int cmd_version(struct invocation *v, struct errinfo *ei) {
    (void)ei;
    fputs("pm-agent " OUTBAND_VERSION "\n", v->out);
    return 0;
}
static int cmd_help(struct invocation *v, struct errinfo *ei);

static const struct {
    const char *name, *words, *doc;
    int (*run)(struct invocation *v, struct errinfo *ei);
} COMMANDS[] = {
    {"enrol", "", "get an identity from the server, by the enrolment key in the key-file", cmd_enrol},
    {"run", "", "speak for this node: what the service does; --once: one turn only", cmd_run},
    {"status", "", "show the identity", cmd_status},
    {"facts", "", "print what is told of this machine", cmd_facts},
    {"announce", " auto|poweroff|reboot|suspend|hibernate",
     "tell the server that the operating system goes down; auto: if it does", cmd_announce},
    {"version", "", "print the version", cmd_version},
    {"help", "", "print this", cmd_help},
};
enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

static int cmd_help(struct invocation *v, struct errinfo *ei) {
    struct buf table = {0};
    (void)ei;
    fputs("pm-agent " OUTBAND_VERSION ": speaks for a node to its Outband server\n\n", v->out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(v->out, "  pm-agent %s%s\n      %s\n", COMMANDS[i].name, COMMANDS[i].words, COMMANDS[i].doc);
    fputs("\n  --config FILE  instead of " AGENT_CONFIG_PATH ":\n", v->out);
    agent_config_help(&table);
    fputs(buf_cstr(&table), v->out);
    buf_free(&table);
    return 0;
}

static int exit_of(int err) {
    switch (err) {
    case 0:
        return EXIT_SUCCESS;
    case ERR_SYNTAX:
        return EXIT_WRONG;
    case ERR_AUTH:
        return EXIT_LOGIN;
    case ERR_NOT_FOUND:
    case ERR_DENIED:
    case ERR_INVALID:
        return EXIT_CONFIG;
    default:
        return EXIT_FAILURE;
    }
}

/* Index of the command; -1: the command line is wrong, and err was told. */
static int parse(struct invocation *v, int argc, char *const argv[], const char **config) {
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"once", no_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    const char *word = NULL;
    optind = 1;
    for (int id; (id = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (id == '?')
            return -1;
        if (id == 'c')
            *config = optarg;
        v->once |= id == 'o';
        if (id == 'h' || id == 'v')
            word = id == 'h' ? "help" : "version";
    }
    if (!word && optind < argc)
        word = argv[optind++];
    v->word = optind < argc ? argv[optind] : NULL;
    for (int i = 0; word && i < COMMAND_COUNT; i++)
        if (strcmp(word, COMMANDS[i].name) == 0)
            return i;
    fprintf(v->err, "usage: pm-agent COMMAND [--config FILE]; see pm-agent help\n");
    return -1;
}

int agent_main(int argc, char *const argv[], FILE *out, FILE *err) {
    struct invocation v = {.out = out, .err = err};
    struct errinfo ei = {0};
    const char *config = NULL;
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* no key in a core dump */
    log_setup(LOG_INFO, false, NULL);
    int k = parse(&v, argc, argv, &config);
    if (k < 0)
        return EXIT_WRONG;
    agent_config_defaults(&v.config);
    int r = 0;
    if (config || access(AGENT_CONFIG_PATH, F_OK) == 0)
        r = agent_config_read(&v.config, config ? config : AGENT_CONFIG_PATH, &ei);
    if (r < 0)
        r = ERR_INVALID;
    else
        r = COMMANDS[k].run(&v, &ei);
    if (r < 0) {
        fprintf(err, "pm-agent %s: %s\n", COMMANDS[k].name, ei.text[0] ? ei.text : err_text(r));
        if (ei.remedy[0])
            fprintf(err, "%s\n", ei.remedy);
    }
    return exit_of(r);
}
