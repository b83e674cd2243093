/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "cli/commands.h"
#include "cli/suggest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct opt_row rows[] = {
#define O(sym, name, letter, kind, arg) [OPT_##sym] = {name, arg, letter, OPT_KIND_##kind},
    OPTION_TABLE(O)
#undef O
};
static_assert(sizeof rows / sizeof *rows == OPT_COUNT, "a row an option");

const struct opt_row *opt_row(enum opt o) {
    return &rows[o];
}

static enum opt opt_by_name(struct slice name) {
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (slice_is(name, rows[o].name))
            return (enum opt)o;
    return OPT_NONE;
}

static enum opt opt_by_letter(char letter) {
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (rows[o].letter && rows[o].letter == letter)
            return (enum opt)o;
    return OPT_NONE;
}

/* Options may precede the command's words, so an unknown one is compared with all of them, or with the
 * command's own when it is known. */
static int unknown_option(const struct command *c, const char *shown, struct slice name, struct errinfo *ei) {
    char word[64];
    slice_to_str(name, word, sizeof word);
    struct suggest s = {.word = word};
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++)
        if (!c || command_takes(c, (enum opt)o))
            suggest_offer(&s, rows[o].name);
    const char *near = name.n > 1 ? suggest_best(&s) : NULL;
    char at[COMMAND_NAME_CAP] = "";
    if (c)
        command_name(c, at);
    err_set(ei, ERR_INVALID, "", "%s%sunknown option %.60s", at, c ? ": " : "", shown);
    if (near)
        err_remedy(ei, "Did you mean --%s?", near);
    else
        err_remedy(ei, "orch-cli%s%s --help lists the options", c ? " " : "", at);
    return ERR_INVALID;
}

static int take(struct args *a, enum opt o, const char *value, struct errinfo *ei) {
    if (a->value[o] && rows[o].kind != OPT_KIND_FLAG)
        return err_set(ei, ERR_INVALID, rows[o].name, "--%s was given twice", rows[o].name);
    a->value[o] = value;
    return 0;
}

/* One argument that begins with a dash; *i moves on when its value is the next argument. */
static int read_option(struct args *a, int argc, const char *const argv[], int *i, struct errinfo *ei) {
    const char *arg = argv[*i];
    bool is_long = arg[1] == '-';
    struct slice rest = slice_str(arg + (is_long ? 2 : 1));
    const char *equals = strchr(arg, '=');
    struct slice name = is_long ? slice_cut(&rest, '=') : slice_head(rest, 1);
    enum opt o = is_long ? opt_by_name(name) : opt_by_letter(arg[1]);
    if (o == OPT_NONE)
        return unknown_option(NULL, arg, name, ei);
    const struct opt_row *r = &rows[o];
    const char *value = is_long         ? (equals ? equals + 1 : NULL)
                        : arg[2] == '=' ? arg + 3
                        : arg[2]        ? arg + 2
                                        : NULL;
    if (r->kind == OPT_KIND_FLAG) {
        if (value)
            return err_set(ei, ERR_INVALID, r->name, "--%s takes no value", r->name);
        return take(a, o, "", ei);
    }
    if (!value && *i + 1 < argc && (argv[*i + 1][0] != '-' || !argv[*i + 1][1]))
        value = argv[++*i];
    if (!value) {
        err_set(ei, ERR_INVALID, r->name, "--%s needs a value: --%s %s", r->name, r->name, r->arg);
        return ERR_INVALID;
    }
    return take(a, o, value, ei);
}

static bool words_have(const char *words, const char *value) {
    struct slice rest = slice_str(words);
    while (rest.n)
        if (slice_is(slice_cut(&rest, '|'), value))
            return true;
    return false;
}

/* What people type for a word of ours. */
static const char *const meant[][2] = {
    {"restart", "reset"},
    {"reboot", "reset"},
    {"cycle", "power-cycle"},
    {"powercycle", "power-cycle"},
    {"suspend", "sleep"},
    {"shutdown", "off"},
    {"poweroff", "off"},
    {"power-off", "off"},
    {"poweron", "on"},
    {"power-on", "on"},
    {"up", "on"},
    {"down", "off"},
    {"admin-mode", "acm"},
    {"client", "ccm"},
    {"admin", "acm"},
    {"canceled", "cancelled"},
    {"respect", "respect-local"},
};

static int wrong_word(const struct opt_row *r, const char *words, const char *value, struct errinfo *ei) {
    char list[256], near[64] = "";
    size_t at = 0;
    struct slice rest = slice_str(words);
    struct suggest s = {.word = value};
    char known[16][32];
    size_t n = 0;
    while (rest.n && n < 16) {
        slice_to_str(slice_cut(&rest, '|'), known[n], sizeof known[n]);
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", n ? ", " : "", known[n]);
        suggest_offer(&s, known[n++]);
    }
    const char *best = suggest_best(&s);
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (strcmp(meant[i][0], value) == 0 && words_have(words, meant[i][1]))
            best = meant[i][1];
    if (best)
        snprintf(near, sizeof near, "Did you mean --%s %s?", r->name, best);
    err_set(ei, ERR_INVALID, r->name, "--%s cannot be \"%.60s\"; use one of %s", r->name, value, list);
    err_remedy(ei, "%s", near);
    return ERR_INVALID;
}

/* The options that were given are ones this command takes, with values it takes. */
static int check_options(const struct args *a, struct errinfo *ei) {
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++) {
        const char *value = a->value[o];
        if (!value)
            continue;
        const struct command_opt *co = command_takes(a->command, (enum opt)o);
        char shown[64];
        snprintf(shown, sizeof shown, "--%s", rows[o].name);
        if (!co)
            return unknown_option(a->command, shown, slice_str(rows[o].name), ei);
        uint64_t n;
        if (rows[o].kind == OPT_KIND_CHOICE && !words_have(command_opt_arg(co), value))
            return wrong_word(&rows[o], command_opt_arg(co), value, ei);
        if (rows[o].kind == OPT_KIND_NUMBER && !slice_to_u64(slice_str(value), INT64_MAX, &n))
            return err_set(ei, ERR_INVALID, rows[o].name, "--%s takes a whole number, not \"%.60s\"",
                           rows[o].name, value);
        if (rows[o].kind != OPT_KIND_FLAG && !*value)
            return err_set(ei, ERR_INVALID, rows[o].name, "--%s must not be empty", rows[o].name);
    }
    return 0;
}

static int unknown_command(const char *const *words, size_t n, struct errinfo *ei) {
    char typed[COMMAND_NAME_CAP * 2];
    snprintf(typed, sizeof typed, "%.40s%s%.40s", words[0], n > 1 ? " " : "", n > 1 ? words[1] : "");
    struct suggest whole = {.word = typed}, verb = {.word = words[0]};
    char names[64][COMMAND_NAME_CAP];
    bool verb_known = false;
    for (size_t i = 0; i < commands_n && i < 64; i++) {
        suggest_offer(&whole, command_name(&commands[i], names[i]));
        suggest_offer(&verb, commands[i].verb);
        verb_known |= strcmp(words[0], commands[i].verb) == 0;
    }
    const char *near = suggest_best(&whole);
    if (verb_known && n == 1)
        err_set(ei, ERR_INVALID, "", "%.40s: of what?", words[0]);
    else
        err_set(ei, ERR_INVALID, "", "no such command: %s", verb_known ? typed : words[0]);
    if (!near && !verb_known)
        near = suggest_best(&verb);
    if (near)
        err_remedy(ei, "Did you mean orch-cli %s?", near);
    else
        err_remedy(ei, "orch-cli help lists the commands");
    return ERR_INVALID;
}

static int check_words(const struct args *a, struct errinfo *ei) {
    const struct command *c = a->command;
    char name[COMMAND_NAME_CAP];
    command_name(c, name);
    if (a->nwords < c->words_min)
        err_set(ei, ERR_INVALID, "", "%s: %s is missing", name, c->words);
    else if (a->nwords > c->words_max)
        err_set(ei, ERR_INVALID, "", "%s: \"%.60s\" is one word too many", name, a->words[c->words_max]);
    else
        return 0;
    err_remedy(ei, "usage: orch-cli %s%s%s", name, *c->words ? " " : "", c->words);
    return ERR_INVALID;
}

int args_parse(struct args *a, int argc, const char *const argv[], struct errinfo *ei) {
    *a = (struct args){0};
    a->word_mem = calloc((size_t)argc + 1, sizeof *a->word_mem);
    if (!a->word_mem)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    size_t n = 0, used = 0;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (only_words || argv[i][0] != '-' || !argv[i][1]) {
            a->word_mem[n++] = argv[i];
        } else {
            int rc = read_option(a, argc, argv, &i, ei);
            if (rc < 0)
                return rc;
        }
    }
    if (n == 0)
        return 0;
    a->command = command_find(a->word_mem, n, &used);
    if (!a->command)
        return unknown_command(a->word_mem, n, ei);
    a->words = a->word_mem + used;
    a->nwords = n - used;
    if (a->value[OPT_HELP])
        return 0;
    int rc = check_options(a, ei);
    return rc < 0 ? rc : check_words(a, ei);
}

void args_free(struct args *a) {
    free(a->word_mem);
    *a = (struct args){0};
}

uint64_t arg_number(const struct args *a, enum opt o, uint64_t otherwise) {
    uint64_t n;
    return a->value[o] && slice_to_u64(slice_str(a->value[o]), INT64_MAX, &n) ? n : otherwise;
}
