/* SPDX-License-Identifier: Apache-2.0 */
/* outbandd: the command line. One table of commands gives help, options and dispatch. */
#include "base/log.h"
#include "server/datadir.h"
#include "server/init.h"
#include "server/maintain.h"
#include "server/metrics.h"
#include "server/serve.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* What the options of a run said; settings among them are kept as text until the sources are read. */
struct args {
    const char *config, *admin_password_file, *from, *to, *cert, *key;
    bool agent_ca;
    struct {
        const char *setting, *value;
    } set[8];
    size_t nset;
    char **words; /* after the options */
    int nwords;
};

/* O(letter, long name, argument, setting it sets or NULL, doc) */
enum {
    OPT_DATA_DIR = 1000,
    OPT_CONFIG,
    OPT_HTTPS,
    OPT_CIRA,
    OPT_LOG_FORMAT,
    OPT_LOG_LEVEL,
    OPT_HOSTNAME,
    OPT_PASSWORD,
    OPT_TO,
    OPT_FROM,
    OPT_AGENT_CA,
    OPT_CERT,
    OPT_KEY,
    OPT_HELP
};
static const struct option_row {
    int id;
    const char *name, *arg, *setting, *doc;
} option_rows[] = {
    {OPT_DATA_DIR, "data-dir", "DIR", "data.dir", "directory of the database, keys and certificates"},
    {OPT_CONFIG, "config", "FILE", NULL, "read settings from this INI file"},
    {OPT_HTTPS, "https", "ADDR:PORT", "https.listen",
     "where the API and console listen; port 0 picks one and prints it"},
    {OPT_CIRA, "cira", "ADDR:PORT", "cira.listen",
     "where AMT devices connect; port 0 picks one and prints it"},
    {OPT_LOG_FORMAT, "log-format", "json|text", "log.format", "format of the log on stderr"},
    {OPT_LOG_LEVEL, "log-level", "LEVEL", "log.level", "debug, info, warn or error"},
    {OPT_HOSTNAME, "hostname", "NAME", "tls.hostname", "name or address that devices and clients connect to"},
    {OPT_PASSWORD, "admin-password-file", "FILE", NULL, "its first line becomes the admin's password"},
    {OPT_TO, "to", "FILE", NULL, "the backup to write; must not exist"},
    {OPT_FROM, "from", "FILE", NULL, "the backup to read"},
    {OPT_CERT, "cert", "PEM", NULL, "root certificate of the other MPS"},
    {OPT_KEY, "key", "PEM", NULL, "its private key, not encrypted"},
    {OPT_AGENT_CA, "agent-ca", NULL, NULL,
     "only make what a data directory of an older version lacks: the authority of the agents"},
    {OPT_HELP, "help", NULL, NULL, "print this"},
};
enum { OPTION_COUNT = sizeof option_rows / sizeof *option_rows };

static int cmd_init(struct args *a, struct settings *s, struct errinfo *ei) {
    if (a->agent_ca)
        return init_agent_ca(s, ei);
    struct init_opts o = {.settings = s, .admin_password_file = a->admin_password_file};
    return init_run(&o, ei);
}

static int cmd_import_ca(struct args *a, struct settings *s, struct errinfo *ei) {
    if (!a->cert || !a->key)
        return err_set(ei, ERR_SYNTAX, a->cert ? "key" : "cert", "import-ca needs --cert PEM and --key PEM");
    return init_import_ca(s, a->cert, a->key, ei);
}

static int read_settings(const struct args *a, struct settings *s, struct errinfo *ei) {
    settings_defaults(s);
    int r = a->config ? settings_read_file(s, a->config, ei) : 0;
    if (r == 0)
        r = settings_read_env(s, environ, ei);
    for (size_t i = 0; r == 0 && i < a->nset; i++)
        r = settings_set(s, a->set[i].setting, a->set[i].value, ORIGIN_FLAG, ei);
    return r < 0 ? r : settings_check(s, ei);
}

static struct settings *reload(void *ctx, struct errinfo *ei) {
    struct settings *s = malloc(sizeof *s);
    if (!s) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        return NULL;
    }
    if (read_settings(ctx, s, ei) < 0) {
        free(s);
        return NULL;
    }
    return s;
}

static int cmd_serve(struct args *a, struct settings *s, struct errinfo *ei) {
    struct serve_opts o = {.settings = malloc(sizeof *s), .reload = reload, .ctx = a};
    if (!o.settings)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    *o.settings = *s;
    return serve_run(&o, ei);
}

static int print_buf(struct buf *out, struct errinfo *ei) {
    struct slice text = buf_slice(out);
    bool ok = !out->failed && fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0;
    buf_free(out);
    return ok ? 0 : err_set(ei, ERR_IO, "", "standard output takes no more");
}

static int cmd_config(struct args *a, struct settings *s, struct errinfo *ei) {
    struct buf out = {0};
    (void)a;
    settings_print(s, &out);
    return print_buf(&out, ei);
}

static int cmd_backup(struct args *a, struct settings *s, struct errinfo *ei) {
    if (!a->to)
        return err_set(ei, ERR_SYNTAX, "to", "backup needs --to FILE");
    return maintain_backup(s, a->to, ei);
}

static int cmd_restore(struct args *a, struct settings *s, struct errinfo *ei) {
    if (!a->from)
        return err_set(ei, ERR_SYNTAX, "from", "restore needs --from FILE");
    return maintain_restore(s, a->from, ei);
}

static int cmd_audit_verify(struct args *a, struct settings *s, struct errinfo *ei) {
    (void)a;
    return maintain_audit_verify(s, ei);
}

static int cmd_print_docs(struct args *a, struct settings *s, struct errinfo *ei) {
    static const struct {
        const char *word;
        void (*print)(struct buf *out);
    } rows[] = {{"settings", settings_print_docs},
                {"metrics", metrics_print_docs},
                {"events", maintain_print_events}};
    struct buf out = {0};
    (void)s;
    for (size_t i = 0; a->nwords == 1 && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(a->words[0], rows[i].word) == 0) {
            rows[i].print(&out);
            return print_buf(&out, ei);
        }
    return err_set(ei, ERR_SYNTAX, "", "print-docs wants one of: settings, metrics, events");
}

static int cmd_version(struct args *a, struct settings *s, struct errinfo *ei) {
    (void)a;
    (void)s;
    (void)ei;
    puts("outbandd " OUTBAND_VERSION);
    return 0;
}

static int cmd_help(struct args *a, struct settings *s, struct errinfo *ei);

/* The options a command takes end with 0. */
static const struct command {
    const char *name, *doc, *words;
    int (*run)(struct args *a, struct settings *s, struct errinfo *ei);
    int options[8];
} commands[] = {
    {"init",
     "make keys, root certificate, database and the first admin in a new data directory",
     "",
     cmd_init,
     {OPT_DATA_DIR, OPT_PASSWORD, OPT_HOSTNAME, OPT_AGENT_CA, OPT_CONFIG}},
    {"import-ca",
     "take over the authority of another MPS: its nodes then connect here without being touched; --hostname "
     "is "
     "the name they were told",
     "",
     cmd_import_ca,
     {OPT_DATA_DIR, OPT_CERT, OPT_KEY, OPT_HOSTNAME, OPT_CONFIG}},
    {"serve",
     "run the server until SIGTERM; SIGHUP reads settings and certificates again",
     "",
     cmd_serve,
     {OPT_DATA_DIR, OPT_HTTPS, OPT_CIRA, OPT_CONFIG, OPT_LOG_FORMAT, OPT_LOG_LEVEL}},
    {"config",
     "print every setting with its value and where it comes from",
     "",
     cmd_config,
     {OPT_CONFIG, OPT_DATA_DIR}},
    {"backup",
     "write a consistent copy of the database; works while the server runs",
     "",
     cmd_backup,
     {OPT_DATA_DIR, OPT_TO, OPT_CONFIG}},
    {"restore",
     "put a backup in the place of the database; the server must not run",
     "",
     cmd_restore,
     {OPT_DATA_DIR, OPT_FROM, OPT_CONFIG}},
    {"audit-verify", "check the chain of the audit log", "", cmd_audit_verify, {OPT_DATA_DIR, OPT_CONFIG}},
    {"print-docs",
     "print a table of the manual as Markdown",
     " settings|metrics|events",
     cmd_print_docs,
     {0}},
    {"version", "print the version", "", cmd_version, {0}},
    {"help", "print this", "", cmd_help, {0}},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const struct option_row *option_of(int id) {
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (option_rows[i].id == id)
            return &option_rows[i];
    return NULL;
}

static void print_command(FILE *f, const struct command *c) {
    fprintf(f, "  outbandd %s%s\n      %s\n", c->name, c->words, c->doc);
    for (const int *o = c->options; *o; o++) {
        const struct option_row *row = option_of(*o);
        fprintf(f, "      --%s%s%s  %s\n", row->name, row->arg ? " " : "", row->arg ? row->arg : "",
                row->doc);
    }
}

static int cmd_help(struct args *a, struct settings *s, struct errinfo *ei) {
    (void)a;
    (void)s;
    (void)ei;
    printf("outbandd " OUTBAND_VERSION ": out-of-band management of Intel AMT fleets\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        print_command(stdout, &commands[i]);
    return 0;
}

static const struct command *command_of(const char *word) {
    if (strcmp(word, "--version") == 0)
        word = "version";
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static void take_option(struct args *a, int id, const char *value) {
    if (id == OPT_AGENT_CA) {
        a->agent_ca = true;
        return;
    }
    const char **plain = id == OPT_CONFIG     ? &a->config
                         : id == OPT_PASSWORD ? &a->admin_password_file
                         : id == OPT_TO       ? &a->to
                         : id == OPT_FROM     ? &a->from
                         : id == OPT_CERT     ? &a->cert
                         : id == OPT_KEY      ? &a->key
                                              : NULL;
    if (plain) {
        *plain = value;
        return;
    }
    size_t i = 0;
    const char *setting = option_of(id)->setting;
    while (i < a->nset && strcmp(a->set[i].setting, setting) != 0)
        i++;
    a->set[i].setting =
        setting; /* the last one wins; there are fewer settings among the options than places */
    a->set[i].value = value;
    a->nset += i == a->nset;
}

/* 0; 1: help was printed; ERR_SYNTAX: getopt has said why. */
static int parse(const struct command *c, int argc, char **argv, struct args *a) {
    struct option longs[9] = {0};
    size_t n = 0;
    for (const int *o = c->options; *o; o++)
        longs[n++] = (struct option){option_of(*o)->name,
                                     option_of(*o)->arg ? required_argument : no_argument, NULL, *o};
    longs[n] = (struct option){"help", no_argument, NULL, OPT_HELP};
    for (int id; (id = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (id == '?')
            return ERR_SYNTAX;
        if (id == OPT_HELP) {
            print_command(stdout, c);
            return 1;
        }
        take_option(a, id, optarg);
    }
    a->words = argv + optind;
    a->nwords = argc - optind;
    if (a->nwords > 0 && !c->words[0]) {
        fprintf(stderr, "outbandd %s: \"%s\" is not expected here\n", c->name, a->words[0]);
        return ERR_SYNTAX;
    }
    return 0;
}

int main(int argc, char **argv) {
    enum { EXIT_USAGE = 2 };
    struct args a = {0};
    struct settings s;
    struct errinfo ei = {0};
    const struct command *c = argc > 1 ? command_of(argv[1]) : NULL;
    if (!c) {
        if (argc > 1)
            fprintf(stderr, "outbandd: there is no command \"%s\"\n", argv[1]);
        fprintf(stderr, "usage: outbandd COMMAND [OPTIONS]; see outbandd help\n");
        return EXIT_USAGE;
    }
    int r = parse(c, argc - 1, argv + 1, &a);
    if (r != 0)
        return r == 1 ? 0 : EXIT_USAGE;
    r = read_settings(&a, &s, &ei);
    if (r == 0)
        r = c->run(&a, &s, &ei);
    if (r == 0)
        return 0;
    fprintf(stderr, "outbandd %s: %s\n", c->name, ei.text[0] ? ei.text : err_text(r));
    if (ei.remedy[0])
        fprintf(stderr, "%s\n", ei.remedy);
    return r == ERR_SYNTAX ? EXIT_USAGE : 1;
}
