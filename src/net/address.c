/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include "base/slice.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int malformed(struct errinfo *ei, const char *text, const char *why) {
    err_set(ei, ERR_INVALID, "address", "'%.200s' is not an address: %s", text, why);
    err_remedy(ei, "Write ADDR:PORT, for example 127.0.0.1:4433, [::]:4433, :4433 or unix:/path.");
    return ERR_INVALID;
}

static int parse_unix(const char *text, const char *path, struct address *out, struct errinfo *ei) {
    size_t n = strlen(path);
    if (n == 0)
        return malformed(ei, text, "the path is empty");
    if (n >= sizeof out->sa.un.sun_path)
        return malformed(ei, text, "the path of a Unix socket may have at most 107 bytes");
    out->kind = ADDRESS_UNIX;
    out->sa.un.sun_family = AF_UNIX;
    memcpy(out->sa.un.sun_path, path, n + 1);
    out->sa_len = sizeof out->sa.un;
    return 0;
}

static bool fill_ip(struct address *a) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->sa.ip;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->sa.ip;
    if (inet_pton(AF_INET, a->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(a->port);
        a->sa_len = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, a->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(a->port);
        a->sa_len = sizeof *v6;
        return true;
    }
    return false;
}

int address_parse(const char *text, struct address *out, struct errinfo *ei) {
    *out = (struct address){.kind = ADDRESS_NAME};
    if (!text)
        return malformed(ei, "", "it is empty");
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text, text + 5, out, ei);
    const char *colon = strrchr(text, ':');
    if (!colon)
        return malformed(ei, text, "the port is missing");
    uint64_t port;
    if (!slice_to_u64(slice_str(colon + 1), 65535, &port))
        return malformed(ei, text, "the port must be a number from 0 to 65535");
    out->port = (uint16_t)port;
    struct slice host = slice_of(text, (size_t)(colon - text));
    bool bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed)
        host = slice_of(host.p + 1, host.n - 2);
    if (!slice_to_str(host, out->host, sizeof out->host))
        return malformed(ei, text, "the host is too long");
    if (host.n == 0 && !bracketed) {
        out->kind = ADDRESS_ANY;
        return 0;
    }
    bool has_colon = strchr(out->host, ':') != NULL;
    if (has_colon && !bracketed)
        return malformed(ei, text, "an IPv6 address must be in brackets");
    if (fill_ip(out) && has_colon == bracketed) {
        out->kind = ADDRESS_IP;
        return 0;
    }
    if (bracketed)
        return malformed(ei, text, "what is in brackets is not an IPv6 address");
    for (size_t i = 0; i < host.n; i++) {
        uint8_t c = host.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '.' || c == '_';
        if (!ok)
            return malformed(ei, text, "the host name has a character that no host name has");
    }
    return 0;
}

const char *address_join(const char *host, uint16_t port, char *out, size_t cap) {
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out, cap, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
    return out;
}

uint16_t address_port(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
    if (sa->sa_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
    return 0;
}

const char *address_text(const struct sockaddr *sa, char *text, char *host) {
    char ip[INET6_ADDRSTRLEN] = "unix";
    if (sa->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, ip, sizeof ip);
    } else if (sa->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(a))
            inet_ntop(AF_INET, a->s6_addr + 12, ip, sizeof ip);
        else
            inet_ntop(AF_INET6, a, ip, sizeof ip);
    }
    if (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)
        address_join(ip, address_port(sa), text, ADDRESS_TEXT_CAP);
    else
        snprintf(text, ADDRESS_TEXT_CAP, "%s", ip);
    if (host)
        snprintf(host, ADDRESS_TEXT_CAP, "%s", ip);
    return text;
}

bool address_is_ip(const char *host) {
    uint8_t raw[16];
    return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}
