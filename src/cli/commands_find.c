/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in the table of commands. */
#include "cli/commands.h"

#include <stdio.h>

static const struct command_opt *find_opt(const struct command_opt *opts, enum opt o) {
    for (; opts->opt != OPT_NONE; opts++)
        if (opts->opt == o)
            return opts;
    return NULL;
}

const struct command_opt *command_takes(const struct command *c, enum opt o) {
    const struct command_opt *own = find_opt(c->opts, o);
    return own ? own : find_opt(command_globals, o);
}

const char *command_opt_arg(const struct command_opt *o) {
    return o->words ? o->words : opt_row(o->opt)->arg;
}

const char *command_name(const struct command *c, char out[COMMAND_NAME_CAP]) {
    snprintf(out, COMMAND_NAME_CAP, "%s%s%s", c->verb, c->object ? " " : "", c->object ? c->object : "");
    return out;
}

/* "host" and its plural "hosts" */
static bool is_object(const char *object, const char *word) {
    size_t n = strlen(object);
    return strncmp(object, word, n) == 0 && (word[n] == 0 || (word[n] == 's' && word[n + 1] == 0));
}

const struct command *command_find(const char *const *words, size_t n, size_t *used) {
    const struct command *one = NULL;
    for (size_t i = 0; n && i < commands_n; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->verb, words[0]) != 0)
            continue;
        if (c->object && n > 1 && is_object(c->object, words[1])) {
            *used = 2;
            return c;
        }
        if (!c->object)
            one = c;
    }
    if (one)
        *used = 1;
    return one;
}
