/* SPDX-License-Identifier: Apache-2.0 */
/* The command line in the method of a first message. It is split as a shell would: people put passwords and
 * names with blanks in there. Source: reference protocol-redir-activation 5.5, device-management-toolkit
 * App. A (a parser that splits at blanks loses the rest of them). */
#include "base/text.h"
#include "proto/rps_int.h"

#include <stdio.h>
#include <string.h>

enum { WORD_CAP = 256 };

struct word {
    char text[WORD_CAP];
    bool quoted; /* so it is no option, whatever it begins with */
};

/* The next word off *line: 1; 0 at the end; ERR_INVALID. */
static int next_word(struct slice *line, struct word *w, struct errinfo *ei) {
    size_t n = 0, i = 0;
    char quote = 0;
    *line = slice_trim(*line);
    *w = (struct word){0};
    for (; i < line->n; i++) {
        char c = (char)line->p[i];
        if (!quote && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            break;
        if (c == quote && quote) {
            quote = 0;
            continue;
        }
        if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            w->quoted |= n == 0;
            continue;
        }
        if (quote == '"' && c == '\\' && i + 1 < line->n)
            c = (char)line->p[++i];
        if (n + 1 >= sizeof w->text)
            return err_set(ei, ERR_INVALID, "method", "a word of the command is longer than %d bytes",
                           WORD_CAP - 1);
        w->text[n++] = c;
    }
    bool some = i > 0;
    *line = slice_skip(*line, i);
    if (quote)
        return err_set(ei, ERR_INVALID, "method", "a quotation mark in the command is not closed");
    return some;
}

/* --- options --- */

/* A value for cap bytes. 0 or ERR_INVALID. */
static int keep(char *dst, size_t cap, const char *value, const char *option, struct errinfo *ei) {
    if (!text_is_utf8(slice_str(value)) || strlen(value) >= cap)
        return err_set(ei, ERR_INVALID, option, "the value of --%s must be text of at most %zu bytes", option,
                       cap - 1);
    explicit_bzero(dst,
                   cap); /* an option given twice: the last one counts, and nothing is left of the first */
    snprintf(dst, cap, "%s", value);
    return 0;
}

struct reading {
    struct slice line;
    struct word ahead; /* read, but not used: its text is used when has_ahead */
    bool has_ahead;
    struct rps_command *c;
    struct errinfo *ei;
};

static int peek(struct reading *r) {
    int got = r->has_ahead ? 1 : next_word(&r->line, &r->ahead, r->ei);
    r->has_ahead = got > 0;
    return got;
}

/* The value of an option: after '=', or the next word unless that is an option. NULL: none. */
static int value_of(struct reading *r, const char *inline_value, const char **value, struct word *mem) {
    *value = inline_value;
    if (inline_value)
        return 0;
    int got = peek(r);
    if (got < 0)
        return got;
    if (got == 0 || (r->ahead.text[0] == '-' && !r->ahead.quoted))
        return 0;
    *mem = r->ahead;
    r->has_ahead = false;
    *value = mem->text;
    return 0;
}

static int take_task(struct reading *r, enum rps_task t, const char *value) {
    if (r->c->task != RPS_TASK_NONE && r->c->task != t)
        return err_set(r->ei, ERR_INVALID, rps_task_option(t),
                       "the command names two tasks, --%s and --%s; give one", rps_task_option(r->c->task),
                       rps_task_option(t));
    r->c->task = t;
    if (t != RPS_TASK_CHANGE_PASSWORD || !value)
        return 0;
    return keep(r->c->new_password, sizeof r->c->new_password, value, rps_task_option(t), r->ei);
}

/* Options that have no meaning for a server are the client's own affair. */
static int take_option(struct reading *r, const char *name, const char *value) {
    if (strcmp(name, "profile") == 0 && value)
        return keep(r->c->profile, sizeof r->c->profile, value, name, r->ei);
    if (strcmp(name, "password") == 0 && value)
        return keep(r->c->password, sizeof r->c->password, value, name, r->ei);
    if (strcmp(name, "f") == 0 || strcmp(name, "force") == 0)
        r->c->force = true;
    for (enum rps_task t = RPS_TASK_NONE + 1; r->c->verb == RPS_MAINTENANCE && t < RPS_TASK_COUNT; t++)
        if (strcmp(name, rps_task_option(t)) == 0)
            return take_task(r, t, value);
    return 0;
}

/* Does this option never have a value? The word after it is then left alone. */
static bool is_flag(const char *name) {
    if (strcmp(name, "f") == 0 || strcmp(name, "force") == 0)
        return true;
    for (enum rps_task t = RPS_TASK_NONE + 1; t < RPS_TASK_COUNT; t++)
        if (t != RPS_TASK_CHANGE_PASSWORD && strcmp(name, rps_task_option(t)) == 0)
            return true;
    return false;
}

static int read_options(struct reading *r) {
    struct word w, mem;
    int got;
    while ((got = peek(r)) > 0) {
        w = r->ahead;
        r->has_ahead = false;
        if (w.quoted || w.text[0] != '-')
            continue;
        char *name = w.text + strspn(w.text, "-"), *eq = strchr(name, '=');
        const char *value = NULL;
        if (eq)
            *eq = 0;
        int err = is_flag(name) ? 0 : value_of(r, eq ? eq + 1 : NULL, &value, &mem);
        if (err == 0)
            err = take_option(r, name, value);
        if (err < 0) {
            got = err;
            break;
        }
    }
    explicit_bzero(&w, sizeof w);
    explicit_bzero(&mem, sizeof mem);
    return got;
}

int rps_command_read(struct slice line, struct rps_command *c, struct errinfo *ei) {
    struct reading r = {.line = line, .c = c, .ei = ei};
    enum rps_verb v = 0;
    int got = peek(&r);
    *c = (struct rps_command){0};
    r.has_ahead = false;
    while (got > 0 && v < RPS_VERB_COUNT && strcmp(r.ahead.text, rps_verb_word(v)) != 0)
        v++;
    if (got == 0 || v == RPS_VERB_COUNT) {
        err_set(ei, ERR_UNSUPPORTED, "method",
                "the first message must be a command: activate, deactivate or maintenance");
        got = ERR_UNSUPPORTED;
    } else if (got > 0) {
        c->verb = v;
        got = read_options(&r);
    }
    if (got == 0 && c->verb == RPS_MAINTENANCE && c->task == RPS_TASK_NONE)
        got = err_set(ei, ERR_INVALID, "method",
                      "maintenance wants a task: --synctime, --syncip, --synchostname, --syncdeviceinfo or "
                      "--changepassword");
    if (got < 0)
        explicit_bzero(c, sizeof *c);
    explicit_bzero(&r.ahead, sizeof r.ahead);
    return got;
}

/* --- writing --- */

/* A word without blanks goes as it is: a server that splits at blanks understands it, too. */
static void put_word(struct buf *out, const char *word) {
    buf_puts(out, " ");
    if (*word && *word != '-' && !strpbrk(word, " \t\r\n\"'\\")) {
        buf_puts(out, word);
        return;
    }
    buf_puts(out, "\"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_puts(out, "\\");
        buf_put(out, slice_of(word, 1));
    }
    buf_puts(out, "\"");
}

static void put_option(struct buf *out, const char *option, const char *value) {
    if (!*value)
        return;
    buf_puts(out, option);
    put_word(out, value);
}

void rps_command_put(struct buf *out, const struct rps_command *c) {
    buf_puts(out, rps_verb_word(c->verb));
    put_option(out, " --profile", c->profile);
    /* the public parser knows it by this spelling alone; reference 5.5 */
    put_option(out, c->verb == RPS_MAINTENANCE ? " -password" : " --password", c->password);
    if (c->verb == RPS_MAINTENANCE && c->task != RPS_TASK_NONE) {
        buf_putf(out, " --%s", rps_task_option(c->task));
        if (*c->new_password)
            put_word(out, c->new_password);
    }
    if (c->force)
        buf_puts(out, " -f");
}
