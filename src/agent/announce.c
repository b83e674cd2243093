/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/announce.h"

#include "agent/door.h"
#include "agent/program.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_MS = 5000, SESSION_BYTES_MAX = 8192, PEOPLE_MAX = 3, PERSON_CAP = 48 };

/* The units that an end of the system has among its jobs. */
static const struct {
    const char *unit, *kind;
} ENDS[] = {{"poweroff.target", "poweroff"},
            {"halt.target", "poweroff"},
            {"reboot.target", "reboot"},
            {"kexec.target", "reboot"}};

const char *announce_kind_of(const char *jobs) {
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        if (strstr(jobs, ENDS[i].unit))
            return ENDS[i].kind;
    return NULL;
}

const char *announce_kind(const char *systemctl) {
    struct program_end end;
    const char *const running[] = {systemctl, "is-system-running", NULL};
    if (program_run(running, ASK_MS, &end, NULL) < 0 || !strstr(end.out, "stopping"))
        return NULL;
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        const char *const job[] = {systemctl, "list-jobs", "--no-legend", ENDS[i].unit, NULL};
        if (program_run(job, ASK_MS, &end, NULL) == 0 && announce_kind_of(end.out))
            return announce_kind_of(end.out);
    }
    return "poweroff";
}

/* NAME=value of a file of logind's; "" when it has none. */
static void value_of(struct slice text, const char *name, char *out, size_t cap) {
    out[0] = 0;
    while (text.n) {
        struct slice value = slice_cut(&text, '\n'), key = slice_cut(&value, '=');
        if (slice_is(key, name)) {
            text_clean(out, cap, value);
            return;
        }
    }
}

/* "uid 1000 (anna)"; false: no person's session, or one that is over. */
static bool person_of(const char *path, char out[PERSON_CAP]) {
    char *text = NULL, uid[12], user[24], state[16], class[16];
    size_t n = 0;
    if (file_read(path, SESSION_BYTES_MAX, &text, &n, NULL) < 0)
        return false;
    struct slice s = slice_of(text, n);
    value_of(s, "UID", uid, sizeof uid);
    value_of(s, "USER", user, sizeof user);
    value_of(s, "STATE", state, sizeof state);
    value_of(s, "CLASS", class, sizeof class);
    free(text);
    snprintf(out, PERSON_CAP, "uid %s (%s)", uid, user);
    return uid[0] && user[0] && strcmp(class, "user") == 0 && strcmp(state, "closing") != 0;
}

void announce_cause(const char *sessions, const char *kind, char out[ANNOUNCE_CAUSE_CAP]) {
    char people[PEOPLE_MAX][PERSON_CAP], one[PERSON_CAP], path[512];
    size_t n = 0, more = 0;
    DIR *d = opendir(sessions);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%.300s/%.200s", sessions, e->d_name);
        if (e->d_name[0] == '.' || strchr(e->d_name, '.') || !person_of(path, one))
            continue;
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known |= strcmp(people[i], one) == 0;
        if (!known && n < PEOPLE_MAX)
            memcpy(people[n++], one, sizeof one);
        else if (!known)
            more++;
    }
    if (d)
        closedir(d);
    struct buf b = {0};
    buf_puts(&b, n > 1 ? "one of " : "");
    for (size_t i = 0; i < n; i++)
        buf_putf(&b, "%s%s", i ? ", " : "", people[i]);
    buf_putf(&b, "%s%s%s", more ? " and others" : "", n ? ": " : "", kind);
    text_clean(out, ANNOUNCE_CAUSE_CAP, buf_slice(&b));
    buf_free(&b);
}

int announce_send(const struct agent_config *c, const char *kind, struct errinfo *ei) {
    char cause[ANNOUNCE_CAUSE_CAP];
    struct identity id;
    struct door *d = NULL;
    struct buf body = {0};
    int r = identity_load(&id, c->state_dir, ei);
    if (r < 0)
        return r;
    announce_cause(c->sessions, kind, cause);
    struct json j = json_of(&body);
    json_obj(&j);
    json_kstr(&j, "kind", kind);
    json_kstr(&j, "cause", cause);
    json_obj_end(&j);
    r = door_open(&d, c, &id, ei);
    if (r == 0)
        r = door_post(d, "/v1/agent/shutdown", buf_slice(&body), NULL, ei);
    door_close(&d);
    identity_free(&id);
    buf_free(&body);
    return r;
}
