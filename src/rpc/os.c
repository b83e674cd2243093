/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/os.h"

#include "base/file.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 65536 };
#define RESOLV_CONF "/etc/resolv.conf"

void os_host_name(char out[OS_NAME_CAP]) {
    char name[OS_NAME_CAP] = "";
    if (gethostname(name, sizeof name - 1) < 0)
        name[0] = 0;
    text_clean(out, OS_NAME_CAP, slice_str(name));
}

/* The next blank-separated word of a line. */
static struct slice word(struct slice *line) {
    *line = slice_trim(*line);
    size_t n = 0;
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    struct slice w = slice_head(*line, n);
    *line = slice_skip(*line, n);
    return w;
}

/* The value of the i-th line of a resolv.conf that begins with key; false when there is none. */
static bool resolv_value(struct slice text, const char *key, unsigned i, char *out, size_t cap) {
    while (text.n) {
        struct slice line = slice_cut(&text, '\n');
        if (slice_is(word(&line), key) && i-- == 0) {
            text_clean(out, cap, word(&line));
            return out[0] && strcmp(out, ".") != 0;
        }
    }
    out[0] = 0;
    return false;
}

void os_dns_suffix(const char *path, char out[OS_NAME_CAP]) {
    char *text = NULL;
    size_t n = 0;
    if (file_read(path, FILE_MAX, &text, &n, NULL) < 0 ||
        (!resolv_value(slice_of(text, n), "search", 0, out, OS_NAME_CAP) &&
         !resolv_value(slice_of(text, n), "domain", 0, out, OS_NAME_CAP)))
        out[0] = 0;
    free(text);
}

static void name_servers(struct os_net *n) {
    char *text = NULL;
    size_t len = 0;
    if (file_read(RESOLV_CONF, FILE_MAX, &text, &len, NULL) == 0) {
        (void)resolv_value(slice_of(text, len), "nameserver", 0, n->dns1, sizeof n->dns1);
        (void)resolv_value(slice_of(text, len), "nameserver", 1, n->dns2, sizeof n->dns2);
    }
    free(text);
}

/* /proc/net/route: interface, destination, gateway …: 8 hex digits in memory's order */
static void default_gateway(const char *interface, struct os_net *n) {
    FILE *f = fopen("/proc/net/route", "re");
    char line[512], name[64];
    unsigned destination, gateway;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63s %8x %8x", name, &destination, &gateway) == 3 && destination == 0 &&
            strcmp(name, interface) == 0) {
            struct in_addr a = {.s_addr = gateway};
            (void)inet_ntop(AF_INET, &a, n->gateway, sizeof n->gateway);
        }
    if (f)
        fclose(f);
}

static void address_text(const struct sockaddr *sa, char out[OS_ADDRESS_CAP]) {
    struct sockaddr_in in;
    memcpy(&in, sa, sizeof in);
    if (!inet_ntop(AF_INET, &in.sin_addr, out, OS_ADDRESS_CAP))
        out[0] = 0;
}

static const char *interface_of(const struct ifaddrs *list, const uint8_t mac[6]) {
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct sockaddr_ll ll;
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET)
            continue;
        memcpy(&ll, i->ifa_addr, sizeof ll);
        if (ll.sll_halen == 6 && memcmp(ll.sll_addr, mac, 6) == 0)
            return i->ifa_name;
    }
    return NULL;
}

bool os_net_of(const uint8_t mac[6], struct os_net *n) {
    struct ifaddrs *list = NULL;
    *n = (struct os_net){0};
    if (getifaddrs(&list) < 0)
        return false;
    const char *name = interface_of(list, mac);
    for (const struct ifaddrs *i = list; name && i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && strcmp(i->ifa_name, name) == 0) {
            address_text(i->ifa_addr, n->address);
            if (i->ifa_netmask)
                address_text(i->ifa_netmask, n->netmask);
            break;
        }
    if (name) {
        default_gateway(name, n);
        name_servers(n);
    }
    freeifaddrs(list);
    return name != NULL;
}
