/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/job.h"

#include "agent/door.h"
#include "agent/serial.h"
#include "base/file.h"
#include "base/text.h"
#include "http/now.h"
#include "rpc/activate.h"
#include "rpc/deactivate.h"
#include "rpc/dmi.h"
#include "rpc/fw.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- in the child --- */

struct task {
    const struct order *o;
    const struct agent_config *c;
    const struct identity *id;
    int fd;
    char text[JOB_TEXT_CAP]; /* of the result */
};

/* One line: what it is, and its text without line ends. */
static void tell(int fd, char what, const char *text) {
    char clean[JOB_TEXT_CAP], line[JOB_TEXT_CAP + 8];
    text_clean(clean, sizeof clean, slice_str(text));
    int n = snprintf(line, sizeof line, "%c%s\n", what, clean);
    (void)!file_write_all(fd, slice_of(line, (size_t)n));
}

static void say(void *ctx, const char *text) {
    const struct task *t = ctx;
    tell(t->fd, 'p', text);
}

static const char *where_of(const struct agent_config *c) {
    return c->mei[0] ? c->mei : NULL;
}

static int through_server(struct task *t, enum rps_verb verb, struct errinfo *ei) {
    char url[AGENT_CONFIG_CAP + 16], dmi[AGENT_CONFIG_CAP + 32], *ca = NULL;
    struct rps_command command = {.verb = verb};
    struct activate_end end = {0};
    slice_to_str(slice_str(t->o->profile), command.profile, sizeof command.profile);
    size_t n = strlen(t->c->server);
    bool slash = n && t->c->server[n - 1] == '/';
    snprintf(url, sizeof url, "%s%sactivate", t->c->server, slash ? "" : "/");
    int r = door_ca(t->c, &ca, ei);
    if (r < 0)
        return r;
    snprintf(dmi, sizeof dmi, "%s/" DMI_DIR, t->c->sysfs);
    const struct activate_opts o = {.local = {.where = where_of(t->c)},
                                    .dmi = dmi,
                                    .url = url,
                                    .ca_pem = ca,
                                    .cert_pem = t->id->cert_pem,
                                    .key_pem = t->id->key_pem,
                                    .command = &command,
                                    .retries = 3,
                                    .say = say,
                                    .ctx = t};
    r = activate_run(&o, &end, ei);
    snprintf(t->text, sizeof t->text, "%.399s", end.outcome.status);
    free(ca);
    return r;
}

static int do_activate(struct task *t, struct errinfo *ei) {
    return through_server(t, RPS_ACTIVATE, ei);
}

static int do_deactivate(struct task *t, struct errinfo *ei) {
    if (!t->o->local)
        return through_server(t, RPS_DEACTIVATE, ei);
    struct fw *f = fw_new(where_of(t->c));
    int r = f ? deactivate_local(f, ei) : err_set(ei, ERR_NOMEM, "", "out of memory");
    fw_free(&f);
    snprintf(t->text, sizeof t->text, "the firmware is out of management");
    return r;
}

static int do_serial(struct task *t, struct errinfo *ei) {
    struct serial s;
    serial_find(&s, t->c->sysfs);
    int r = serial_set(&s, t->c->systemctl, t->o->enable, ei);
    if (r < 0)
        return r;
    serial_ask(&s, t->c->systemctl);
    if (s.getty != t->o->enable)
        return err_set(ei, ERR_REFUSED, "", "systemctl took it, but the login on %s %s", s.tty,
                       s.getty ? "still runs" : "does not run");
    snprintf(t->text, sizeof t->text, "the login on %s %s", s.tty, s.getty ? "runs" : "is stopped");
    return 0;
}

static int do_switch(struct task *t, struct errinfo *ei) {
    struct fw *f = fw_new(where_of(t->c));
    uint32_t status = 0;
    int r = f ? fw_wd_enable(f, t->o->enable, &status, ei) : err_set(ei, ERR_NOMEM, "", "out of memory");
    fw_free(&f);
    if (r == 0 && status != 0)
        r = err_set(ei, ERR_REFUSED, "", "the firmware refuses to switch AMT %s (status %u)",
                    t->o->enable ? "on" : "off", status);
    snprintf(t->text, sizeof t->text, "AMT is switched %s in the firmware", t->o->enable ? "on" : "off");
    return r;
}

static const struct {
    const char *kind;
    int (*run)(struct task *t, struct errinfo *ei);
} KINDS[] = {{"activate", do_activate},
             {"deactivate", do_deactivate},
             {"serial-console", do_serial},
             {"amt-switch", do_switch}};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static void carry_out(struct task *t, int (*run)(struct task *t, struct errinfo *ei)) {
    struct errinfo ei = {0};
    char text[sizeof ei.text + sizeof ei.remedy + 2];
    if (run(t, &ei) == 0) {
        tell(t->fd, '+', t->text);
        return;
    }
    snprintf(text, sizeof text, "%s%s%s", ei.text, ei.remedy[0] ? ". " : "", ei.remedy);
    tell(t->fd, '-', text);
}

/* --- in the agent --- */

int job_start(struct job *j, const struct order *o, const struct agent_config *c, const struct identity *id,
              struct errinfo *ei) {
    int pipes[2];
    size_t k = 0;
    while (k < KIND_COUNT && strcmp(KINDS[k].kind, o->kind) != 0)
        k++;
    if (j->id[0])
        return err_set(ei, ERR_STATE, "", "another order is being carried out");
    if (k == KIND_COUNT)
        return err_set(ei, ERR_UNSUPPORTED, "kind",
                       "this agent (" OUTBAND_VERSION ") knows no order of this kind");
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return err_set(ei, ERR_IO, "", "no pipe could be made: %s", strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(1);
        struct task t = {.o = o, .c = c, .id = id, .fd = pipes[1]};
        carry_out(&t, KINDS[k].run);
        _exit(0);
    }
    close(pipes[1]);
    if (pid < 0) {
        close(pipes[0]);
        return err_set(ei, ERR_IO, "", "no process could be made: %s", strerror(errno));
    }
    *j = (struct job){.pid = pid, .fd = pipes[0], .until = mono_add_ms(now_mono(), JOB_LIMIT_MS)};
    memcpy(j->id, o->id, sizeof j->id);
    fcntl(j->fd, F_SETFL, O_NONBLOCK);
    return 0;
}

static void finish(struct job *j, bool ok, const char *text) {
    if (j->ended)
        return;
    j->ended = true;
    j->ok = ok;
    snprintf(j->text, sizeof j->text, "%.399s", text);
}

static void take_line(struct job *j, struct slice line) {
    char text[JOB_TEXT_CAP];
    if (!line.n)
        return;
    text_clean(text, sizeof text, slice_skip(line, 1));
    if (line.p[0] == 'p')
        memcpy(j->progress, text, sizeof text);
    else
        finish(j, line.p[0] == '+', text);
}

/* The child's outputs are at their end. */
static void reap(struct job *j) {
    int status = 0;
    while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(j->fd);
    j->fd = -1;
    finish(j, false, "the process that carried the order out died");
}

/* False: the child's outputs are at their end. */
static bool take_input(struct job *j) {
    for (;;) {
        uint8_t *room = buf_room(&j->in, 1024);
        ssize_t n = room ? read(j->fd, room, 1024) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        buf_commit(&j->in, (size_t)n);
    }
}

void job_look(struct job *j) {
    if (!j->id[0] || j->fd < 0)
        return;
    bool goes_on = take_input(j);
    for (;;) {
        struct slice rest = buf_slice(&j->in);
        const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
        if (!end)
            break;
        size_t n = (size_t)(end - rest.p);
        take_line(j, slice_head(rest, n));
        buf_consume(&j->in, n + 1);
    }
    if (goes_on && mono_due(j->until, now_mono())) {
        kill(j->pid, SIGKILL);
        finish(j, false, "it took longer than 15 minutes and was given up");
        goes_on = false;
    }
    if (!goes_on)
        reap(j);
}

void job_clear(struct job *j) {
    if (j->id[0] && j->fd >= 0) {
        kill(j->pid, SIGKILL);
        reap(j);
    }
    buf_free(&j->in);
    *j = (struct job){.fd = -1};
}
