/* SPDX-License-Identifier: Apache-2.0 */
#include "http/url.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

static int bad(struct errinfo *ei, const char *text, const char *why) {
    err_set(ei, ERR_INVALID, "api-endpoint", "\"%.200s\" is not the address of a server: %s", text, why);
    err_remedy(ei, "It looks like https://orchestrator.example.net:8443");
    return ERR_INVALID;
}

bool url_is_loopback(const struct url *u) {
    struct in_addr a4;
    struct in6_addr a6;
    if (inet_pton(AF_INET, u->host, &a4) == 1)
        return ntohl(a4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, u->host, &a6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&a6);
    return slice_ieq(slice_str(u->host), SLICE_LIT("localhost"));
}

/* host, [v6] or either with :port */
static const char *split_authority(struct url *u, struct slice a) {
    struct slice host, port = SLICE_EMPTY;
    bool v6 = a.n && a.p[0] == '[';
    if (v6) {
        struct slice rest = slice_skip(a, 1);
        host = slice_cut(&rest, ']');
        if (host.n + 1 == a.n)
            return "the bracket is not closed";
        if (rest.n && rest.p[0] != ':')
            return "nothing but a port may follow the brackets";
        port = slice_skip(rest, 1);
        struct in6_addr a6;
        if (!slice_to_str(host, u->host, sizeof u->host) || inet_pton(AF_INET6, u->host, &a6) != 1)
            return "the brackets hold no IPv6 address";
    } else {
        port = a;
        host = slice_cut(&port, ':');
        if (!text_in_set(host, TEXT_ALNUM "-._", 1, 253))
            return "the host's name has other characters than letters, digits, dots and dashes";
        slice_to_str(host, u->host, sizeof u->host);
    }
    uint64_t n = u->tls ? 443 : 80;
    bool has_port = a.n && (v6 ? port.n : host.n < a.n);
    if (has_port && (!slice_to_u64(port, 65535, &n) || n == 0))
        return "the port is not a number from 1 to 65535";
    snprintf(u->port, sizeof u->port, "%u", (unsigned)(uint16_t)n);
    bool own = n == (u->tls ? 443u : 80u);
    snprintf(u->authority, sizeof u->authority, "%s%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "",
             own ? "" : ":", own ? "" : u->port);
    return NULL;
}

int url_parse(struct url *u, const char *text, struct errinfo *ei) {
    *u = (struct url){.tls = true};
    struct slice rest = slice_trim(slice_str(text));
    const char *sep = strstr(text, "://");
    if (sep) {
        struct slice scheme = slice_trim(slice_of(text, (size_t)(sep - text)));
        if (slice_ieq(scheme, SLICE_LIT("http")))
            u->tls = false;
        else if (!slice_ieq(scheme, SLICE_LIT("https")))
            return bad(ei, text, "the scheme must be https");
        rest = slice_trim(slice_str(sep + 3));
    }
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f || strchr("?#@\\\"<>", rest.p[i]))
            return bad(ei, text, "it may hold no blanks, user names, queries or fragments");
    const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    struct slice authority = slash ? slice_head(rest, (size_t)(slash - rest.p)) : rest;
    struct slice path = slice_skip(rest, authority.n);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    const char *why = split_authority(u, authority);
    if (why)
        return bad(ei, text, why);
    if (!slice_to_str(path, u->prefix, sizeof u->prefix))
        return bad(ei, text, "the path is too long");
    if (!u->tls && !url_is_loopback(u))
        return bad(ei, text, "http without TLS is for this machine only (127.0.0.1, localhost); use https");
    char origin[512];
    snprintf(origin, sizeof origin, "%s://%s%s", u->tls ? "https" : "http", u->authority, u->prefix);
    if (!slice_to_str(slice_str(origin), u->origin, sizeof u->origin))
        return bad(ei, text, "it is too long");
    return 0;
}
