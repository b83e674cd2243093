/* SPDX-License-Identifier: Apache-2.0 */
#include "server/maintain.h"

#include "server/datadir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_store(const struct settings *s, const char *dir, struct store **st, struct errinfo *ei) {
    struct store_opts opts;
    settings_store_opts(s, &opts);
    opts.path = dir;
    return store_open(st, &opts, false, ei);
}

int maintain_backup(const struct settings *s, const char *to, struct errinfo *ei) {
    int r = store_backup_of(s->data_dir, to, ei); /* the server may have it open */
    if (r == 0)
        printf("the database is saved in %s\nKeys are not in it: keep " DATADIR_MASTER_KEY
               ", " DATADIR_CA_CERT " and " DATADIR_CA_KEY " of %s in a safe place of their own.\n",
               to, s->data_dir);
    return r;
}

static int copy_file(const char *from, const char *to, struct errinfo *ei) {
    char block[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0)
        return err_set(ei, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "from", "%s: %s", from, strerror(errno));
    if ((out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) {
        int r = err_set(ei, ERR_IO, "", "%s: %s", to, strerror(errno));
        close(in);
        return r;
    }
    ssize_t n;
    bool ok = true;
    while (ok && (n = read(in, block, sizeof block)) != 0)
        ok = n > 0 && write(out, block, (size_t)n) == n;
    ok = ok && fsync(out) == 0;
    int r =
        ok ? 0 : err_set(ei, errno == ENOSPC ? ERR_STORE_FULL : ERR_IO, "", "%s: %s", to, strerror(errno));
    close(in);
    close(out);
    return r;
}

/* Rename dir/outband.db and its companions; those that do not exist are passed over. */
static int move_database(const char *from_dir, const char *from_suffix, const char *to_dir,
                         const char *to_suffix, struct errinfo *ei) {
    static const char *const parts[] = {"", "-wal", "-shm"};
    char from[DATADIR_PATH_CAP], to[DATADIR_PATH_CAP];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(from, sizeof from, "%s/outband.db%s%s", from_dir, from_suffix, parts[i]);
        snprintf(to, sizeof to, "%s/outband.db%s%s", to_dir, to_suffix, parts[i]);
        unlink(to);
        if (rename(from, to) != 0 && errno != ENOENT)
            return err_set(ei, ERR_IO, "", "%s: %s", from, strerror(errno));
    }
    return 0;
}

/* Opens it as the server would: what it cannot read is refused before anything is replaced. */
static int check_backup(const struct settings *s, const char *dir, struct errinfo *ei) {
    struct store *st = NULL;
    int r = open_store(s, dir, &st, ei);
    store_close(&st);
    return r;
}

/* The lock that the store holds while it is open: no server may start while its database is exchanged. */
static int lock_dir(const char *dir, struct errinfo *ei) {
    char path[DATADIR_PATH_CAP];
    snprintf(path, sizeof path, "%s/outband.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(ei, ERR_IO, "data-dir", "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    return err_set(ei, ERR_BUSY, "data-dir", "a server runs with %s: stop it first", dir);
}

int maintain_restore(const struct settings *s, const char *from, struct errinfo *ei) {
    char tmp[DATADIR_PATH_CAP], path[DATADIR_PATH_CAP + 32];
    int lock = lock_dir(s->data_dir, ei);
    if (lock < 0)
        return lock;
    snprintf(tmp, sizeof tmp, "%s/restore.tmp", s->data_dir);
    snprintf(path, sizeof path, "%s/outband.db", tmp);
    int r = mkdir(tmp, 0700) != 0 && errno != EEXIST ? err_set(ei, ERR_IO, "", "%s: %s", tmp, strerror(errno))
                                                     : 0;
    if (r == 0)
        r = copy_file(from, path, ei);
    if (r == 0)
        r = check_backup(s, tmp, ei);
    if (r == 0)
        r = move_database(s->data_dir, "", s->data_dir, ".before-restore", ei);
    if (r == 0)
        r = move_database(tmp, "", s->data_dir, "", ei);
    unlink(path);
    snprintf(path, sizeof path, "%s/outband.lock", tmp);
    unlink(path);
    rmdir(tmp);
    close(lock);
    if (r == 0)
        printf("%s is now the database; the old one is outband.db.before-restore\n", from);
    return r;
}

int maintain_audit_verify(const struct settings *s, struct errinfo *ei) {
    struct store *st = NULL;
    uint64_t bad = 0;
    int r = open_store(s, s->data_dir, &st, ei);
    if (r == ERR_BUSY)
        err_remedy(ei, "Stop it, or ask the running server: GET /api/v1/audit:verify");
    if (r == 0 && (r = store_audit_verify(st, &bad)) < 0)
        err_set(ei, r, "",
                r == ERR_INVALID ? "record %llu of the audit log does not fit the one before it"
                                 : "the audit log could not be read (record %llu)",
                (unsigned long long)bad);
    store_close(&st);
    if (r == 0)
        puts("the audit log is intact");
    return r;
}

void maintain_print_events(struct buf *out) {
    /* when each is published; the kinds themselves are core's table */
    static const char *const when[HOST_EVENT_COUNT] = {
        [HOST_EVENT_LINK_UP] = "A device has logged in and its ports are there",
        [HOST_EVENT_LINK_LOST] = "The tunnel ended; the text names the cause",
        [HOST_EVENT_LINK_SUSPECT] = "The device is silent and is being asked",
        [HOST_EVENT_LINK_RECOVERED] = "A suspect link answered",
        [HOST_EVENT_POWER_CHANGED] = "Another power state was observed",
        [HOST_EVENT_MISMATCH] = "The observed state is confirmed not to be the desired one",
        [HOST_EVENT_RECOVERED] = "The desired state is observed again",
        [HOST_EVENT_INTENT] = "An operator changed the desired state",
        [HOST_EVENT_POLICY] = "An operator changed the recovery policy",
        [HOST_EVENT_OPERATION] = "A power operation changed its state",
        [HOST_EVENT_HELD] = "Recovery gave up after its attempts",
        [HOST_EVENT_FINDING] = "Something is wrong; the text begins with the finding's id",
        [HOST_EVENT_FINDING_CLEARED] = "A finding is over",
        [HOST_EVENT_SESSION] = "A KVM, SOL or IDE-R session was started, opened, interrupted or ended",
        [HOST_EVENT_CONSENT] = "A consent code is wanted, shown, refused, entered or cancelled",
        [HOST_EVENT_LOCAL_SHUTDOWN] =
            "The agent announced that the operating system goes down on purpose, and by whom",
        [HOST_EVENT_PROVISIONING] =
            "An activation, deactivation or rotation goes on: a phase, what it waits for, its end",
        [HOST_EVENT_AMT] = "It was seen that the firmware is set up, or is not",
        [HOST_EVENT_AGENT] = "The node's agent enrolled, came, went, or ended an order",
        [HOST_EVENT_CREATED] = "The host was created",
        [HOST_EVENT_CHANGED] = "Name, identity or secrets of the host were changed",
        [HOST_EVENT_DELETED] = "The host was deleted",
    };
    buf_puts(
        out,
        "# Events\n\nPrinted from the program's own table by `outbandd print-docs events`; do not edit.\n"
        "`GET /v1/events` streams them; `type` is `host.` and the kind.\n\n"
        "| kind | published when |\n|---|---|\n");
    for (unsigned e = 0; e < HOST_EVENT_COUNT; e++)
        buf_putf(out, "| `%s` | %s |\n", host_event_text((enum host_event)e), when[e] ? when[e] : "");
    buf_puts(out,
             "| `quarantine` | A login was refused for the first time: unknown user or wrong password |\n");
}
