/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sol_shell.h"

#include "base/ossl.h"
#include "base/text.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

enum {
    LINE_CAP = 256,
    AHEAD_MAX = 1024, /* typed while a command runs */
    SAY_MAX = 8192,   /* echo of a typist whose screen stands still is lost */
};
enum { KEY_INTERRUPT = 3, KEY_END = 4, KEY_BACKSPACE = 8, KEY_KILL = 21, KEY_DELETE = 127 };

enum shell_state {
    SHELL_LOGIN,
    SHELL_PASSWORD,
    SHELL_PROMPT,
    SHELL_COUNT,
    SHELL_FLOOD,
    SHELL_SUM,
};

struct sol_shell {
    const char *name;
    struct mono up_at;
    enum shell_state state;
    bool was_cr; /* a line feed right after belongs to it */
    char line[LINE_CAP];
    size_t n;
    struct buf say, ahead;
    uint64_t done, goal; /* of count and flood; done: bytes of sum */
    EVP_MD_CTX *md;
    enum machine_action wish;
};

static void shell_set_state(struct sol_shell *sh, enum shell_state s) {
    sh->state = s;
    sh->n = 0;
}

struct sol_shell *sol_shell_new(const char *name, struct mono up_at) {
    struct sol_shell *sh = calloc(1, sizeof *sh);
    if (!sh)
        return NULL;
    sh->name = name;
    sh->up_at = up_at;
    sh->md = EVP_MD_CTX_new();
    if (!sh->md)
        sol_shell_free(&sh);
    return sh;
}

void sol_shell_free(struct sol_shell **shp) {
    struct sol_shell *sh = *shp;
    if (!sh)
        return;
    EVP_MD_CTX_free(sh->md);
    buf_free(&sh->say);
    buf_free(&sh->ahead);
    free(sh);
    *shp = NULL;
}

/* --- saying --- */

static void say_login(struct sol_shell *sh) {
    shell_set_state(sh, SHELL_LOGIN);
    buf_putf(&sh->say, "%s login: ", sh->name);
}

static void say_prompt(struct sol_shell *sh) {
    shell_set_state(sh, SHELL_PROMPT);
    buf_putf(&sh->say, "root@%s:~# ", sh->name);
}

void sol_shell_boot(struct sol_shell *sh, struct mono now) {
    sh->up_at = now;
    sh->wish = MACHINE_ACT_NONE;
    buf_clear(&sh->say);
    buf_clear(&sh->ahead);
    buf_putf(&sh->say,
             "[    0.000000] Linux version 6.1.0 (simulated)\r\n"
             "[    0.000000] Command line: root=/dev/sda1 console=ttyS4,115200n8\r\n"
             "[    0.912004] 0000:00:16.3: ttyS4 at I/O 0x3060 (irq = 17, base_baud = 115200) is a 16550A\r\n"
             "[    2.104377] systemd[1]: Hostname set to <%s>.\r\n"
             "[    3.870115] systemd[1]: Reached target Login Prompts.\r\n\r\n"
             "GNU/Linux %s ttyS4\r\n\r\n",
             sh->name, sh->name);
    say_login(sh);
}

/* --- sums --- */

static void sum_begin(struct sol_shell *sh, enum shell_state s, uint64_t goal) {
    shell_set_state(sh, s);
    sh->done = 0;
    sh->goal = goal;
    EVP_DigestInit_ex(sh->md, EVP_sha256(), NULL);
}

static void sum_end(struct sol_shell *sh, const char *what) {
    uint8_t sum[EVP_MAX_MD_SIZE];
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    unsigned n = 0;
    EVP_DigestFinal_ex(sh->md, sum, &n);
    text_hex(slice_of(sum, n < SHA256_DIGEST_LENGTH ? n : SHA256_DIGEST_LENGTH), hex);
    buf_putf(&sh->say, "\r\n%s: %llu bytes, sha256 %s\r\n", what, (unsigned long long)sh->done, hex);
    say_prompt(sh);
}

/* --- commands: called with what stands behind the name --- */

static void do_echo(struct sol_shell *sh, const char *arg, struct mono now) {
    buf_putf(&sh->say, "%s\r\n", arg);
}
static void do_uname(struct sol_shell *sh, const char *arg, struct mono now) {
    buf_putf(&sh->say, "Linux %s 6.1.0 simulated\r\n", sh->name);
}
static void do_uptime(struct sol_shell *sh, const char *arg, struct mono now) {
    char text[WALL_TEXT_CAP];
    buf_putf(&sh->say, "up %s\r\n", duration_text(mono_ms_between(sh->up_at, now), text));
}
static bool number(struct sol_shell *sh, const char *arg, uint64_t *n) {
    if (slice_to_u64(slice_str(arg), 1000000000, n) && *n > 0)
        return true;
    buf_puts(&sh->say, "a number from 1 to 1000000000 is missing\r\n");
    return false;
}
static void do_count(struct sol_shell *sh, const char *arg, struct mono now) {
    uint64_t n;
    if (number(sh, arg, &n))
        sum_begin(sh, SHELL_COUNT, n);
}
static void do_flood(struct sol_shell *sh, const char *arg, struct mono now) {
    uint64_t n;
    if (number(sh, arg, &n))
        sum_begin(sh, SHELL_FLOOD, n);
}
static void do_sum(struct sol_shell *sh, const char *arg, struct mono now) {
    sum_begin(sh, SHELL_SUM, 0);
}
static void do_poweroff(struct sol_shell *sh, const char *arg, struct mono now) {
    buf_puts(&sh->say, "The system will power off now!\r\n");
    sh->wish = MACHINE_ACT_SHUTDOWN;
}
static void do_reboot(struct sol_shell *sh, const char *arg, struct mono now) {
    buf_puts(&sh->say, "The system will reboot now!\r\n");
    sh->wish = MACHINE_ACT_RESTART;
}
static void do_exit(struct sol_shell *sh, const char *arg, struct mono now) {
    buf_puts(&sh->say, "\r\n");
    say_login(sh);
}
static void do_help(struct sol_shell *sh, const char *arg, struct mono now);

static const struct {
    const char *name, *usage, *help;
    void (*run)(struct sol_shell *sh, const char *arg, struct mono now);
} COMMANDS[] = {
#define C(name, usage, help) {#name, usage, help, do_##name},
    SOL_COMMAND_TABLE(C)
#undef C
};
enum { NCOMMANDS = sizeof COMMANDS / sizeof COMMANDS[0] };

static void do_help(struct sol_shell *sh, const char *arg, struct mono now) {
    for (size_t i = 0; i < NCOMMANDS; i++)
        buf_putf(&sh->say, "%-12s %s\r\n", COMMANDS[i].usage, COMMANDS[i].help);
}

static void run_line(struct sol_shell *sh, struct mono now) {
    char *arg = sh->line + strcspn(sh->line, " ");
    while (*arg == ' ')
        *arg++ = 0;
    size_t i = 0;
    while (i < NCOMMANDS && strcmp(sh->line, COMMANDS[i].name) != 0)
        i++;
    if (i < NCOMMANDS)
        COMMANDS[i].run(sh, arg, now);
    else if (sh->line[0])
        buf_putf(&sh->say, "%s: command not found; help lists them\r\n", sh->line);
    if (sh->state == SHELL_PROMPT)
        say_prompt(sh);
}

/* --- typing --- */

static void end_line(struct sol_shell *sh, struct mono now) {
    sh->line[sh->n] = 0;
    buf_puts(&sh->say, "\r\n");
    if (sh->state == SHELL_PROMPT) {
        run_line(sh, now);
    } else if (sh->state == SHELL_LOGIN && sh->n) {
        shell_set_state(sh, SHELL_PASSWORD);
        buf_puts(&sh->say, "Password: ");
    } else if (sh->state == SHELL_LOGIN) {
        say_login(sh);
    } else {
        buf_puts(&sh->say, "\r\n");
        say_prompt(sh);
    }
}

static void rub_out(struct sol_shell *sh) {
    if (sh->n == 0)
        return;
    sh->n--;
    if (sh->state != SHELL_PASSWORD)
        buf_puts(&sh->say, "\b \b");
}

static void control(struct sol_shell *sh, uint8_t key) {
    if (key == KEY_BACKSPACE || key == KEY_DELETE)
        rub_out(sh);
    while (key == KEY_KILL && sh->n)
        rub_out(sh);
    bool leaves = key == KEY_INTERRUPT || (key == KEY_END && sh->n == 0);
    if (!leaves)
        return;
    buf_puts(&sh->say, key == KEY_INTERRUPT ? "^C\r\n" : "\r\n");
    if (key == KEY_INTERRUPT && sh->state >= SHELL_PROMPT)
        say_prompt(sh);
    else
        say_login(sh);
}

static void type_key(struct sol_shell *sh, uint8_t key, struct mono now) {
    bool belongs = key == '\n' && sh->was_cr;
    sh->was_cr = key == '\r';
    if (belongs)
        return;
    if (key == '\r' || key == '\n') {
        end_line(sh, now);
    } else if (key < 0x20 || key == KEY_DELETE) {
        control(sh, key);
    } else if (sh->n < LINE_CAP - 1) {
        sh->line[sh->n++] = (char)key;
        if (sh->state != SHELL_PASSWORD)
            buf_put(&sh->say, slice_of(&key, 1));
    }
}

/* Everything up to ^D counts; how much that was. */
static size_t take_sum(struct sol_shell *sh, struct slice in) {
    const uint8_t *end = memchr(in.p, KEY_END, in.n);
    size_t n = end ? (size_t)(end - in.p) : in.n;
    EVP_DigestUpdate(sh->md, in.p, n);
    sh->done += n;
    if (end)
        sum_end(sh, "sum");
    return end ? n + 1 : n;
}

static bool runs_command(const struct sol_shell *sh) {
    return sh->state == SHELL_COUNT || sh->state == SHELL_FLOOD;
}

/* Keys while a command runs: they wait for its end, but ^C. */
static void take_ahead(struct sol_shell *sh, uint8_t key) {
    if (key == KEY_INTERRUPT) {
        buf_clear(&sh->ahead);
        control(sh, key);
    } else if (sh->ahead.len < AHEAD_MAX) {
        buf_put(&sh->ahead, slice_of(&key, 1));
    }
}

void sol_shell_input(struct sol_shell *sh, struct slice in, struct mono now) {
    while (in.n) {
        size_t n = 1;
        if (sh->state == SHELL_SUM)
            n = take_sum(sh, in);
        else if (runs_command(sh))
            take_ahead(sh, in.p[0]);
        else if (sh->say.len < SAY_MAX)
            type_key(sh, in.p[0], now);
        in = slice_skip(in, n);
    }
}

static void type_ahead(struct sol_shell *sh, struct mono now) {
    struct buf keys = sh->ahead;
    sh->ahead = (struct buf){0};
    sol_shell_input(sh, buf_slice(&keys), now);
    buf_free(&keys);
}

enum machine_action sol_shell_wish(struct sol_shell *sh) {
    enum machine_action a = sh->wish;
    sh->wish = MACHINE_ACT_NONE;
    return a;
}

/* --- output --- */

static void flood_more(struct sol_shell *sh, struct buf *out, size_t room) {
    uint64_t left = sh->goal - sh->done;
    size_t n = left < room ? (size_t)left : room;
    uint8_t *p = buf_room(out, n);
    if (!p)
        return;
    for (size_t i = 0; i < n; i++)
        p[i] = sol_flood_byte(sh->done + i);
    EVP_DigestUpdate(sh->md, p, n);
    buf_commit(out, n);
    sh->done += n;
    if (sh->done == sh->goal)
        sum_end(sh, "flood");
}

static void count_more(struct sol_shell *sh, size_t room) {
    while (sh->done < sh->goal && sh->say.len < room)
        buf_putf(&sh->say, "%llu\r\n", (unsigned long long)++sh->done);
    if (sh->done == sh->goal)
        say_prompt(sh);
}

void sol_shell_output(struct sol_shell *sh, struct buf *out, size_t room, struct mono now) {
    size_t had = out->len;
    for (;;) {
        size_t left = room - (out->len - had), n = sh->say.len < left ? sh->say.len : left;
        buf_put(out, slice_head(buf_slice(&sh->say), n));
        buf_consume(&sh->say, n);
        left -= n;
        if (left == 0 || out->failed)
            return;
        if (sh->state == SHELL_FLOOD)
            flood_more(sh, out, left);
        else if (sh->state == SHELL_COUNT)
            count_more(sh, left);
        else if (sh->ahead.len)
            type_ahead(sh, now);
        else
            return;
        if (out->failed || sh->say.failed)
            return;
    }
}
