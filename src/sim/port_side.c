/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/port_side.h"

static const struct {
    uint16_t port;
    bool tls;
    enum port_kind kind;
} PORTS[] = {
    {16992, false, PORT_WSMAN}, {623, false, PORT_WSMAN},         {16993, true, PORT_WSMAN},
    {664, true, PORT_WSMAN},    {16994, false, PORT_REDIRECTION}, {16995, true, PORT_REDIRECTION},
};

enum port_kind port_kind_of(const struct sim_node *n, uint32_t port, bool *tls) {
    for (size_t i = 0; i < sizeof PORTS / sizeof PORTS[0]; i++) {
        if (PORTS[i].port != port)
            continue;
        *tls = PORTS[i].tls;
        if (*tls ? !n->fleet->cfg.device_tls : node_tls_remote(n))
            return PORT_NONE;
        if (PORTS[i].kind == PORT_REDIRECTION && !n->listener)
            return PORT_NONE; /* ListenerEnabled false (5.7) */
        return PORTS[i].kind;
    }
    return PORT_NONE;
}

bool port_is_redirection(uint32_t port) {
    return port == 16994 || port == 16995 || port == 5900;
}

bool port_forwarded(const struct sim_node *n, uint32_t port) {
    bool tls = port == 16993 || port == 664 || port == 16995;
    return (tls || !node_tls_remote(n)) && (n->listener || !port_is_redirection(port));
}

enum port_kind port_kind_of_local(const struct sim_node *n, uint32_t port, bool *tls) {
    *tls = port == 16993;
    if (!node_amt_on(n))
        return PORT_NONE;
    if (*tls ? !n->fleet->cfg.device_tls : port != 16992 || node_tls_local(n))
        return PORT_NONE;
    return PORT_WSMAN;
}

bool port_side_open(struct port_side *p, struct sim_node *n, enum port_kind kind, bool tls, bool local,
                    struct mono now) {
    *p = (struct port_side){0};
    if (kind == PORT_WSMAN)
        p->http = http_conn_new(n, tls, now);
    if (p->http && local)
        http_conn_local(p->http);
    if (kind == PORT_REDIRECTION)
        p->redir = redir_conn_new(n, tls, now);
    return p->http || p->redir;
}

void port_side_close(struct port_side *p) {
    http_conn_free(&p->http);
    redir_conn_free(&p->redir);
}

void port_side_input(struct port_side *p, struct slice in, struct mono now) {
    if (p->http)
        http_conn_input(p->http, in, now);
    else
        redir_conn_input(p->redir, in, now);
}

struct buf *port_side_output(struct port_side *p, struct mono now) {
    return p->http ? http_conn_output(p->http) : redir_conn_output(p->redir, now);
}

bool port_side_finished(const struct port_side *p) {
    return p->http ? http_conn_finished(p->http) : redir_conn_finished(p->redir);
}

bool port_side_broken(const struct port_side *p) {
    return p->redir && redir_conn_broken(p->redir);
}

struct mono port_side_deadline(const struct port_side *p) {
    return p->http ? http_conn_deadline(p->http) : redir_conn_deadline(p->redir);
}

void port_side_tick(struct port_side *p, struct mono now) {
    if (p->http)
        http_conn_tick(p->http, now);
    else
        redir_conn_tick(p->redir, now);
}
