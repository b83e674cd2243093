/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watch.h"

#include "agent/announce.h"
#include "agent/logind.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TURN_MS = 60 * 1000, AGAIN_S = 30 };

static void going(void *ctx, const char *kind) {
    struct errinfo ei = {0};
    if (announce_send(ctx, kind, &ei) < 0)
        log_warn("agent", "the server was not told of the %s: %s", kind, ei.text);
    else
        log_info("agent", "the server was told: %s", kind);
}

static _Noreturn void watch(const struct agent_config *c) {
    const struct logind_hooks hooks = {c->systemctl, going, (void *)(uintptr_t)c};
    for (bool said = false;; sleep(AGAIN_S)) {
        struct errinfo ei = {0};
        struct logind *l = NULL;
        int r = logind_open(&l, &hooks, &ei);
        if (r == 0)
            said = false;
        while (r == 0)
            r = logind_turn(l, TURN_MS, &ei);
        logind_close(&l);
        if (!said)
            log_info("agent", "%s: shutdowns are told when the unit is stopped, and not before", ei.text);
        said = true;
    }
}

int watch_start(const struct agent_config *c, struct errinfo *ei) {
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return err_set(ei, ERR_IO, "", "no process could be made: %s", strerror(errno));
    if (pid > 0)
        return 0;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(0);
    watch(c);
}
