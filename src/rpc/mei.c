/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/mei.h"

#include "base/rd.h"
#include "http/now.h"
#include "rpc/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/mei.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LENGTH_BYTES = 4,
    BUSY_BYTES = 1, /* the answer that another has this client */
    GREETING_BYTES = 5
};

struct mei {
    int fd;
    bool framed; /* a socket: u32 length before each message */
    size_t message_max;
    size_t have;  /* bytes of in: the frame that is being read */
    size_t taken; /* bytes of the frame that was handed out; dropped with the next call */
    uint8_t *in;  /* LENGTH_BYTES + message_max */
};

size_t mei_message_max(const struct mei *m) {
    return m->message_max;
}
int mei_fd(const struct mei *m) {
    return m->fd;
}
void mei_wipe(struct mei *m) {
    if (m->in)
        explicit_bzero(m->in, LENGTH_BYTES + m->message_max);
    m->have = m->taken = 0;
}

void mei_close(struct mei **mp) {
    struct mei *m = *mp;
    if (!m)
        return;
    mei_wipe(m);
    if (m->fd >= 0)
        close(m->fd);
    free(m->in);
    free(m);
    *mp = NULL;
}

static int reset(struct errinfo *ei) {
    err_set(ei, ERR_CLOSED, "mei", "the management engine ended the connection: its firmware was reset");
    err_remedy(ei, "Try again in a few seconds.");
    return ERR_CLOSED;
}

static int late(struct errinfo *ei) {
    err_set(ei, ERR_TIMEOUT, "mei", "the management engine did not answer in time");
    err_remedy(ei, "Its firmware may be busy or hang: try again; if it stays so, cut the machine's power.");
    return ERR_TIMEOUT;
}

/* A device takes a message with one write; a socket may take less. */
int mei_send(struct mei *m, struct slice msg, struct mono deadline, struct errinfo *ei) {
    if (msg.n > m->message_max)
        return err_set(ei, ERR_LIMIT, "mei", "a message of %zu bytes is longer than the %zu that it takes",
                       msg.n, m->message_max);
    uint8_t *mem = malloc(LENGTH_BYTES + msg.n);
    if (!mem)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    struct wr w = wr_of(mem, LENGTH_BYTES + msg.n);
    if (m->framed)
        wr_le32(&w, (uint32_t)msg.n);
    wr_bytes(&w, msg);
    struct slice out = wr_done(&w);
    size_t whole = out.n;
    int rc = 0;
    while (rc == 0 && out.n) {
        ssize_t n = m->framed ? send(m->fd, out.p, out.n, MSG_NOSIGNAL) : write(m->fd, out.p, out.n);
        if (n > 0)
            out = m->framed ? slice_skip(out, (size_t)n) : SLICE_EMPTY;
        else /* asked for only then: old kernels do not tell when a device takes more */
            rc = n < 0 && ready_moment(errno) ? ready_wait(m->fd, POLLOUT, deadline) : ERR_CLOSED;
    }
    explicit_bzero(mem, whole);
    free(mem);
    return rc == ERR_TIMEOUT ? late(ei) : rc < 0 ? reset(ei) : 0;
}

/* Bytes of the frame that is being read: at least, as far as is known. */
static int frame_need(const struct mei *m, size_t *need) {
    *need = m->message_max;
    if (!m->framed)
        return 0;
    *need = LENGTH_BYTES;
    if (m->have < LENGTH_BYTES)
        return 0;
    struct rd r = rd_of(slice_of(m->in, m->have));
    *need += rd_le32(&r);
    return *need > LENGTH_BYTES + m->message_max ? ERR_LIMIT : 0;
}

/* Read until the frame is complete. */
static int read_frame(struct mei *m, struct mono deadline) {
    for (;;) {
        size_t need;
        int rc = frame_need(m, &need);
        if (rc < 0)
            return rc;
        if (m->framed && m->have >= LENGTH_BYTES && m->have == need)
            return 0;
        if ((rc = ready_wait(m->fd, POLLIN, deadline)) < 0)
            return rc;
        ssize_t n = read(m->fd, m->in + m->have, need - m->have);
        if (n < 0 && ready_moment(errno))
            continue;
        if (n <= 0)
            return ERR_CLOSED;
        m->have += (size_t)n;
        if (!m->framed)
            return 0; /* one read, one message */
    }
}

int mei_receive(struct mei *m, struct slice *msg, struct mono deadline, struct errinfo *ei) {
    if (m->taken)
        m->have = m->taken = 0;
    int rc = read_frame(m, deadline);
    if (rc == ERR_LIMIT)
        return err_set(ei, ERR_PROTO, "mei", "the management engine sent a message longer than it announced");
    if (rc < 0)
        return rc == ERR_TIMEOUT ? late(ei) : reset(ei);
    size_t head = m->framed ? LENGTH_BYTES : 0;
    *msg = slice_of(m->in + head, m->have - head);
    m->taken = m->have;
    return 0;
}

/* --- opening --- */

static int set_message_max(struct mei *m, uint32_t n, struct errinfo *ei) {
    if (n == 0 || n > MEI_MESSAGE_MAX)
        return err_set(ei, ERR_PROTO, "mei", "the management engine announces messages of %u bytes", n);
    uint8_t *in = realloc(m->in, LENGTH_BYTES + n);
    if (!in)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    m->in = in;
    m->message_max = n;
    return 0;
}

static int no_client(struct errinfo *ei, const char *path) {
    err_set(ei, ERR_UNSUPPORTED, "mei", "the management engine at %s has no such client: no Intel AMT there",
            path);
    err_remedy(ei, "Is this a machine with Intel vPro, and is AMT enabled in its BIOS (MEBx)?");
    return ERR_UNSUPPORTED;
}

static int no_device(struct errinfo *ei, const char *path, int why) {
    if (why == EACCES || why == EPERM) {
        err_set(ei, ERR_DENIED, "mei", "%s may not be opened: %s", path, strerror(why));
        err_remedy(ei, "Run it as root.");
        return ERR_DENIED;
    }
    if (why == EBUSY) {
        err_set(ei, ERR_BUSY, "mei", "the management engine at %s is in use by another program", path);
        err_remedy(ei, "Is the LMS service running? It keeps this client for itself.");
        return ERR_BUSY;
    }
    if (why == ENOENT || why == ENXIO || why == ECONNREFUSED) {
        err_set(ei, ERR_NOT_FOUND, "mei", "there is no management engine at %s: %s", path, strerror(why));
        err_remedy(ei, "Is the module mei_me loaded? See: lsmod, dmesg.");
        return ERR_NOT_FOUND;
    }
    err_set(ei, ERR_IO, "mei", "the management engine at %s cannot be used: %s", path, strerror(why));
    err_remedy(ei, "Its firmware may be resetting: see /sys/class/mei/mei0/dev_state, and try again.");
    return ERR_IO;
}

/* The device's way: an ioctl. */
static int connect_device(struct mei *m, const char *path, struct uuid wire, struct errinfo *ei) {
    m->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (m->fd < 0)
        return no_device(ei, path, errno);
    struct mei_connect_client_data data = {0};
    memcpy(&data.in_client_uuid, wire.b, sizeof wire.b);
    if (ioctl(m->fd, IOCTL_MEI_CONNECT_CLIENT, &data) < 0)
        return errno == ENOTTY ? no_client(ei, path) : no_device(ei, path, errno);
    return set_message_max(m, data.out_client_properties.max_msg_length, ei);
}

/* The socket's way: the GUID is the first message. */
static int connect_socket(struct mei *m, const char *path, struct uuid wire, struct errinfo *ei) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    m->framed = true;
    if (!slice_to_str(slice_str(path), to.sun_path, sizeof to.sun_path))
        return err_set(ei, ERR_INVALID, "mei", "the path of the socket is longer than %zu bytes",
                       sizeof to.sun_path - 1);
    m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->fd < 0 || connect(m->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return no_device(ei, path, errno);
    struct mono deadline = mono_add_ms(now_mono(), MEI_ANSWER_MS);
    struct slice greeting;
    int rc = set_message_max(m, sizeof wire.b, ei);
    if (rc == 0)
        rc = mei_send(m, slice_of(wire.b, sizeof wire.b), deadline, ei);
    if (rc == 0)
        rc = mei_receive(m, &greeting, deadline, ei);
    if (rc < 0)
        return rc;
    if (greeting.n == 0)
        return no_client(ei, path);
    if (greeting.n == BUSY_BYTES)
        return no_device(ei, path, EBUSY);
    if (greeting.n != GREETING_BYTES)
        return err_set(ei, ERR_PROTO, "mei", "%s does not speak as a management engine does", path);
    struct rd r = rd_of(greeting);
    return set_message_max(m, rd_le32(&r), ei);
}

static int open_one(struct mei **out, const char *path, bool is_socket, struct uuid wire,
                    struct errinfo *ei) {
    struct mei *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    m->fd = -1;
    int rc = (is_socket ? connect_socket : connect_device)(m, path, wire, ei);
    if (rc < 0)
        mei_close(&m);
    *out = m;
    return rc;
}

/* Which failure tells most when several devices fail: the one that is nearest to success. */
static bool tells_more(int rc, int than) {
    static const int order[] = {ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_DENIED, ERR_IO, ERR_TIMEOUT, ERR_BUSY};
    int a = 0, b = -1;
    for (int i = 0; i < (int)(sizeof order / sizeof *order); i++) {
        a = order[i] == rc ? i : a;
        b = order[i] == than ? i : b;
    }
    return a > b;
}

static int open_any(struct mei **m, struct uuid wire, struct errinfo *ei) {
    glob_t found = {0};
    struct errinfo one = {0};
    int rc = no_device(ei, "/dev/mei*", ENOENT);
    if (glob("/dev/mei*", 0, NULL, &found) != 0)
        found.gl_pathc = 0;
    for (size_t i = 0; rc < 0 && i < found.gl_pathc; i++) {
        int r = open_one(m, found.gl_pathv[i], false, wire, &one);
        if (r == 0 || tells_more(r, rc)) {
            rc = r;
            if (ei && r < 0)
                *ei = one;
        }
    }
    globfree(&found);
    return rc;
}

int mei_open(struct mei **m, const char *where, const char *guid, unsigned busy_tries, struct errinfo *ei) {
    static const char prefix[] = "unix:";
    struct uuid printed;
    *m = NULL;
    if (!uuid_parse(slice_str(guid), &printed))
        return err_set(ei, ERR_INTERNAL, "mei", "\"%s\" is no GUID", guid);
    struct uuid wire = uuid_swap(printed);
    for (unsigned try = 1;; try++) {
        bool is_socket = where && strncmp(where, prefix, sizeof prefix - 1) == 0;
        int rc = !where ? open_any(m, wire, ei)
                        : open_one(m, is_socket ? where + sizeof prefix - 1 : where, is_socket, wire, ei);
        if (rc != ERR_BUSY || try >= busy_tries)
            return rc;
        ready_sleep_ms((int64_t)MEI_BUSY_STEP_MS * try);
    }
}
