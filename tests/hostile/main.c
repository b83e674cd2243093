/* SPDX-License-Identifier: Apache-2.0 */
/* hostile list | csv | probe | attack: see usage(). One child process a kind, several at once. */
#include "hostile.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KINDS_MAX = 300,
    CHILD_S = 40,
    END_MS = 13000,
    STAY_MS = 4000,
    PROBE_EVERY_MS = 10,
    PROBES_MAX = 100000
};

static const struct kind *all[KINDS_MAX];
static unsigned nall;

static void gather(void) {
    static const struct kind *const tables[] = {KINDS_TCP,   KINDS_LOGIN, KINDS_UP,   KINDS_HTTP,
                                                KINDS_HTTPS, KINDS_WS,    KINDS_REDIR};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct kind *k = tables[t]; k->name; k++)
            all[nall++] = k;
}

static void name_of(unsigned index, char *user, char *password, size_t cap) {
    snprintf(user, cap, "bad-%03u", index);
    snprintf(password, cap, "Bad-Passw0rd-%03u", index);
}

/* --- one kind --- */

static void check_end(struct peer *p) {
    if (p->kind->expect == CLOSED)
        must(p, peer_ends(p, END_MS), "the server kept the connection");
    if (p->kind->expect != STAYS)
        return;
    must(p, !p->ended, "the server closed the tunnel");
    int r = apf_keepalive(p->apf, 0xc0ffee);
    must(p, r == 0, "the tunnel was given up on our side");
    for (int64_t until = now_ms() + STAY_MS; !p->replied && now_ms() < until && !p->ended;)
        tunnel_run(p, 20);
    must(p, p->replied, "the tunnel does not answer any more%s", p->ended ? ": it was closed" : "");
}

static void child(const struct target *to, unsigned index) {
    static struct peer p;
    p = (struct peer){.to = to, .kind = all[index], .index = index, .fd = -1, .rng = index + 1};
    name_of(index, p.user, p.password, sizeof p.user);
    alarm(CHILD_S);
    peer_dial(&p);
    if (p.kind->stage >= AT_TLS)
        peer_tls(&p, false);
    if (p.kind->stage == AT_UP)
        tunnel_up(&p);
    p.kind->run(&p);
    check_end(&p);
    peer_drop(&p, true);
    _exit(0);
}

/* --- all kinds --- */

struct running {
    pid_t pid;
    unsigned index;
    int64_t since;
};

static unsigned reap(struct running *r, unsigned n, unsigned *bad) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    for (unsigned i = 0; i < n; i++) {
        if (r[i].pid != pid)
            continue;
        bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (WIFSIGNALED(status))
            printf("FAIL %s: ended by signal %d after %d s\n", all[r[i].index]->name, WTERMSIG(status),
                   (int)((now_ms() - r[i].since) / 1000));
        if (ok)
            printf("ok   %s (%d ms)\n", all[r[i].index]->name, (int)(now_ms() - r[i].since));
        fflush(stdout);
        *bad += !ok;
        r[i] = r[n - 1];
        return n - 1;
    }
    return n;
}

static int attack(const struct target *to, unsigned jobs, const char *only) {
    struct running r[64];
    unsigned n = 0, bad = 0, ran = 0;
    int64_t start = now_ms();
    if (jobs < 1 || jobs > 64)
        jobs = 8;
    for (unsigned i = 0; i < nall; i++) {
        if (only && !strstr(all[i]->name, only))
            continue;
        if (n == jobs)
            n = reap(r, n, &bad);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            child(to, i);
        if (pid < 0)
            return 1;
        r[n++] = (struct running){pid, i, now_ms()};
        ran++;
    }
    while (n)
        n = reap(r, n, &bad);
    printf("attack: %u kinds, %u not as expected, %d s\n", ran, bad, (int)((now_ms() - start) / 1000));
    return bad ? 1 : 0;
}

/* --- the probe: an ordinary client all the while --- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double us_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* One answer with a Content-Length, whole. */
static bool whole_answer(struct buf *got) {
    const char *s = buf_cstr(got), *end = strstr(s, "\r\n\r\n"), *len = strcasestr(s, "content-length:");
    return end && len && strncmp(s, "HTTP/1.1 200", 12) == 0 &&
           got->len >= (size_t)(end - s) + 4 + strtoul(len + 15, NULL, 10);
}

static int probe(const struct target *to, const char *path, const char *stop_file) {
    static const struct kind kind = {"probe", HTTPS, AT_TLS, EITHER, NULL, NULL};
    static double took[PROBES_MAX];
    /* one host, and all of them: the second needs every loop of the server */
    const char *const paths[] = {path, "/v1/projects/default/compute/hosts/summary"};
    struct peer p = {.to = to, .kind = &kind, .fd = -1};
    unsigned n = 0, errors = 0;
    while (n < PROBES_MAX && access(stop_file, F_OK) != 0) {
        if (p.fd < 0)
            peer_connect(&p);
        char rq[4096];
        snprintf(rq, sizeof rq, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
                 paths[n % 2], to->token);
        double start = us_now();
        buf_free(&p.got);
        peer_send(&p, slice_str(rq));
        while (!p.ended && !whole_answer(&p.got) && us_now() - start < 5e6)
            peer_read(&p, 100);
        took[n++] = (us_now() - start) / 1000;
        if (!whole_answer(&p.got)) {
            errors++;
            peer_drop(&p, false);
        }
        nap_ms(PROBE_EVERY_MS);
    }
    peer_drop(&p, false);
    qsort(took, n, sizeof took[0], by_value);
    printf("requests=%u errors=%u p50_ms=%.1f p99_ms=%.1f max_ms=%.1f\n", n, errors, n ? took[n / 2] : 0,
           n ? took[n * 99 / 100] : 0, n ? took[n - 1] : 0);
    return 0;
}

/* --- the command line --- */

static int usage(void) {
    fprintf(stderr,
            "usage: hostile list\n"
            "       hostile csv                                    rows for `create host --import-from-csv`\n"
            "       hostile attack CIRA HTTPS TOKEN-FILE JOBS [PART-OF-NAME]\n"
            "       hostile probe HTTPS TOKEN-FILE PATH STOP-FILE  an ordinary client, timed\n");
    return 2;
}

static void read_token(struct target *to, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f || !fgets(to->token, sizeof to->token, f)) {
        fprintf(stderr, "hostile: cannot read %s\n", path);
        exit(2);
    }
    to->token[strcspn(to->token, "\r\n")] = 0;
    fclose(f);
}

int main(int argc, char **argv) {
    static struct target to;
    gather();
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (unsigned i = 0; i < nall; i++)
            puts(all[i]->name);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "csv") == 0) {
        puts("Name,CiraUser,CiraPassword,AmtUser,AmtPassword,DesiredPowerState");
        for (unsigned i = 0; i < nall; i++) {
            char user[32], password[32];
            name_of(i, user, password, sizeof user);
            if (all[i]->door == CIRA)
                printf("%s,%s,%s,admin,P@ssw0rd,POWER_STATE_ON\n", user, user, password);
        }
        return 0;
    }
    if (argc >= 6 && strcmp(argv[1], "attack") == 0) {
        to.cira = (uint16_t)strtoul(argv[2], NULL, 10);
        to.https = (uint16_t)strtoul(argv[3], NULL, 10);
        read_token(&to, argv[4]);
        return attack(&to, (unsigned)strtoul(argv[5], NULL, 10), argc > 6 ? argv[6] : NULL);
    }
    if (argc == 6 && strcmp(argv[1], "probe") == 0) {
        to.https = (uint16_t)strtoul(argv[2], NULL, 10);
        read_token(&to, argv[3]);
        return probe(&to, argv[4], argv[5]);
    }
    return usage();
}
