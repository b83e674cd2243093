/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/completion.h"

#include "base/text.h"
#include "cli/hosts.h"

static const char bash_script[] = "# bash completion of orch-cli; printed by: orch-cli completion bash\n"
                                  "_orch_cli() {\n"
                                  "    local line cur=${COMP_WORDS[COMP_CWORD]}\n"
                                  "    COMPREPLY=()\n"
                                  "    [[ $cur == '=' ]] && cur=\n"
                                  "    while IFS= read -r line; do\n"
                                  "        if [[ $line == :files ]]; then\n"
                                  "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                                  "            compopt -o filenames 2>/dev/null\n"
                                  "            return\n"
                                  "        fi\n"
                                  "        COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
                                  "    done < <(orch-cli completion candidates --timeout 2 -- "
                                  "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null </dev/null)\n"
                                  "}\n"
                                  "complete -F _orch_cli orch-cli\n";

static const char zsh_script[] = "#compdef orch-cli\n"
                                 "# zsh completion of orch-cli; printed by: orch-cli completion zsh\n"
                                 "_orch_cli() {\n"
                                 "    local -a lines\n"
                                 "    lines=(\"${(@f)$(orch-cli completion candidates --timeout 2 -- "
                                 "\"${(@)words[2,CURRENT]}\" 2>/dev/null </dev/null)}\")\n"
                                 "    lines=(\"${(@)lines%%$'\\t'*}\")\n"
                                 "    lines=(${lines:#})\n"
                                 "    if [[ ${lines[1]} == :files ]]; then\n"
                                 "        _files\n"
                                 "    else\n"
                                 "        compadd -- \"${lines[@]}\"\n"
                                 "    fi\n"
                                 "}\n"
                                 "compdef _orch_cli orch-cli\n";

static const char fish_script[] = "# fish completion of orch-cli; printed by: orch-cli completion fish\n"
                                  "function __orch_cli_candidates\n"
                                  "    set -l words (commandline -opc)\n"
                                  "    set -l current (commandline -ct)\n"
                                  "    set -l lines (orch-cli completion candidates --timeout 2 -- "
                                  "$words[2..-1] \"$current\" 2>/dev/null </dev/null)\n"
                                  "    if test \"$lines[1]\" = ':files'\n"
                                  "        __fish_complete_path \"$current\"\n"
                                  "    else\n"
                                  "        printf '%s\\n' $lines\n"
                                  "    end\n"
                                  "end\n"
                                  "complete -c orch-cli -f -a '(__orch_cli_candidates)'\n";

bool completion_print(const char *shell, FILE *out) {
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
        if (strcmp(scripts[i].shell, shell) == 0) {
            fputs(scripts[i].script, out);
            return true;
        }
    return false;
}

/* What the line says so far. */
struct line {
    const char *words[64];
    size_t nwords;
    const struct command *command; /* NULL: not known yet */
    size_t used;
    enum opt pending; /* the option whose value is being typed; OPT_NONE: none */
    bool given[OPT_COUNT];
    bool only_words;     /* behind "--" */
    const char *cur;     /* what is being typed, without "--name=" */
    struct slice prefix; /* "--name=" when the value is glued to it */
};

static enum opt opt_of(const char *word, const char **value) {
    *value = NULL;
    for (unsigned o = OPT_NONE + 1; o < OPT_COUNT; o++) {
        const struct opt_row *r = opt_row((enum opt)o);
        size_t n = strlen(r->name);
        if (word[0] == '-' && word[1] == '-' && strncmp(word + 2, r->name, n) == 0 &&
            (!word[2 + n] || word[2 + n] == '=')) {
            *value = word[2 + n] ? word + 3 + n : NULL;
            return (enum opt)o;
        }
        if (word[0] == '-' && r->letter && word[1] == r->letter && !word[2])
            return (enum opt)o;
    }
    return OPT_NONE;
}

/* One finished word. */
static void take_word(struct line *l, const char *word) {
    const char *value;
    if (l->pending != OPT_NONE) {
        l->pending = OPT_NONE;
    } else if (!l->only_words && strcmp(word, "--") == 0) {
        l->only_words = true;
    } else if (!l->only_words && word[0] == '-' && word[1]) {
        enum opt o = opt_of(word, &value);
        l->given[o] = true;
        if (o != OPT_NONE && !value && opt_row(o)->kind != OPT_KIND_FLAG)
            l->pending = o;
    } else if (l->nwords < 64) {
        l->words[l->nwords++] = word;
    }
}

/* bash hands "--name=value" over as three words. */
static void read_line(struct line *l, const char *const *words, size_t n) {
    *l = (struct line){.cur = n && strcmp(words[n - 1], "=") != 0 ? words[n - 1] : ""};
    for (size_t i = 0; i + 1 < n; i++)
        if (strcmp(words[i], "=") != 0)
            take_word(l, words[i]);
    const char *value;
    enum opt o = l->pending == OPT_NONE && !l->only_words ? opt_of(l->cur, &value) : OPT_NONE;
    if (o != OPT_NONE && value) {
        l->pending = o;
        l->prefix = slice_of(l->cur, (size_t)(value - l->cur));
        l->cur = value;
    }
    if (l->nwords)
        l->command = command_find(l->words, l->nwords, &l->used);
}

static void offer(struct cli *c, const struct line *l, struct slice word, const char *help) {
    size_t n = strlen(l->cur);
    if (word.n < n || memcmp(word.p, l->cur, n) != 0)
        return;
    char clean[256];
    text_clean(clean, sizeof clean, word);
    fprintf(c->term.out, "%.*s%s%s%s\n", (int)l->prefix.n, (const char *)l->prefix.p, clean,
            *help ? "\t" : "", help);
}

static void offer_words(struct cli *c, const struct line *l, const char *words) {
    struct slice rest = slice_str(words);
    while (rest.n)
        offer(c, l, slice_cut(&rest, '|'), "");
}

static void offer_options(struct cli *c, const struct line *l) {
    const struct command_opt *lists[] = {l->command ? l->command->opts : NULL, command_globals};
    for (size_t i = 0; i < 2; i++)
        for (const struct command_opt *o = lists[i]; o && o->opt != OPT_NONE; o++) {
            char name[64];
            snprintf(name, sizeof name, "--%s", opt_row(o->opt)->name);
            if (!l->given[o->opt] && !(i == 1 && l->command && command_takes(l->command, o->opt) != o))
                offer(c, l, slice_str(name), o->help);
        }
}

/* Members of a list that the server gives. */
static void offer_members(struct cli *c, const struct line *l, const char *target, const char *key,
                          const char *member) {
    json_t *v = NULL;
    if (cli_get(c, target, &v) == EXIT_OK) {
        const json_t *list = jget(v, key);
        for (size_t i = 0; i < json_array_size(list); i++)
            offer(c, l, slice_str(jget_str(json_array_get(list, i), member)), "");
    }
    json_decref(v);
}

static void offer_hosts(struct cli *c, const struct line *l) {
    struct buf path = {0}, filter = {0};
    if (strpbrk(l->cur, "\"\\*"))
        return;
    if (*l->cur)
        buf_putf(&filter, "name=\"%s*\"", l->cur);
    cli_path(c, &path, "/hosts?pageSize=200");
    path_query(&path, "filter", filter.len ? buf_cstr(&filter) : NULL);
    offer_members(c, l, buf_cstr(&path), "hosts", "name");
    buf_free(&path);
    buf_free(&filter);
}

static void offer_operations(struct cli *c, const struct line *l) {
    struct buf path = {0};
    offer_members(c, l, cli_path(c, &path, "/operations?pageSize=50"), "operations", "id");
    buf_free(&path);
}

static void offer_value(struct cli *c, const struct line *l) {
    const struct command_opt *o = l->command ? command_takes(l->command, l->pending) : NULL;
    const struct opt_row *r = opt_row(l->pending);
    if (r->kind == OPT_KIND_CHOICE)
        offer_words(c, l, o ? command_opt_arg(o) : r->arg);
    else if (r->kind == OPT_KIND_FILE)
        fputs(":files\n", c->term.out);
    else if (r->kind == OPT_KIND_HOST)
        offer_hosts(c, l);
}

/* The first words of commands, each once; or the second ones of a verb. */
static void offer_names(struct cli *c, const struct line *l, const char *verb) {
    for (size_t i = 0; i < commands_n; i++) {
        const struct command *cmd = &commands[i];
        bool seen = false;
        for (size_t k = 0; !verb && k < i; k++)
            seen |= strcmp(commands[k].verb, cmd->verb) == 0;
        if (!verb && !seen)
            offer(c, l, slice_str(cmd->verb), cmd->object ? "" : cmd->summary);
        else if (verb && cmd->object && strcmp(cmd->verb, verb) == 0)
            offer(c, l, slice_str(cmd->object), cmd->summary);
    }
}

static void offer_command_words(struct cli *c, const struct line *l) {
    const struct command *cmd = l->command;
    if (l->nwords - l->used >= cmd->words_max)
        return;
    switch (cmd->word) {
    case WORD_HOST:
        offer_hosts(c, l);
        break;
    case WORD_OPERATION:
        offer_operations(c, l);
        break;
    case WORD_USER:
        offer_members(c, l, "/api/v1/users", "users", "name");
        break;
    case WORD_SHELL:
        offer_words(c, l, cmd->words);
        break;
    case WORD_COMMAND:
        offer_names(c, l, l->nwords > l->used ? l->words[l->used] : NULL);
        break;
    case WORD_NONE:
    case WORD_OTHER:
        break;
    }
}

void completion_candidates(struct cli *c, const char *const *words, size_t n) {
    struct line l;
    read_line(&l, words, n);
    if (l.pending != OPT_NONE) {
        offer_value(c, &l);
    } else if (l.cur[0] == '-' && !l.only_words) {
        offer_options(c, &l);
    } else if (l.nwords == 0) {
        offer_names(c, &l, NULL);
    } else {
        if (l.nwords == 1)
            offer_names(c, &l, l.words[0]);
        if (l.command)
            offer_command_words(c, &l);
    }
}
