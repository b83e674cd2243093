/* SPDX-License-Identifier: Apache-2.0 */
#include "core/identity.h"

#include "core/known.h"

#include <strings.h>

static const struct agent_facts *facts_of(const struct host *h) {
    return h->agent && h->agent->facts_at.us ? &h->agent->facts : NULL;
}

struct uuid host_smbios_uuid(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return uuid_is_nil(h->smbios_uuid) && f ? f->smbios_uuid : h->smbios_uuid;
}

struct uuid host_firmware_uuid(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    if (!uuid_is_nil(h->seen_uuid))
        return h->seen_uuid;
    return f && !uuid_is_nil(f->amt_uuid) ? f->amt_uuid : h->amt_uuid;
}

const char *uuid_order_text(enum uuid_order o) {
    static const char *const TEXT[] = {
#define O(sym, word) [UUID_ORDER_##sym] = word,
        UUID_ORDER_TABLE(O)
#undef O
    };
    return (unsigned)o < UUID_ORDER_COUNT ? TEXT[o] : "";
}

enum uuid_order host_uuid_order(const struct host *h) {
    struct uuid smbios = host_smbios_uuid(h), amt = host_firmware_uuid(h);
    if (uuid_is_nil(smbios) || uuid_is_nil(amt))
        return UUID_ORDER_UNKNOWN;
    if (uuid_eq(smbios, amt))
        return UUID_ORDER_SAME;
    return uuid_same_node(smbios, amt) ? UUID_ORDER_SWAPPED : UUID_ORDER_DIFFERENT;
}

/* Without port and final dot: "[2001:db8::1]:4433", "mps.example.:4433", "192.0.2.7". */
static struct slice bare_host(const char *text) {
    struct slice s = slice_str(text);
    const char *end = *text == '[' ? strchr(text, ']') : NULL;
    if (end)
        return slice_of(text + 1, (size_t)(end - text) - 1);
    const char *colon = strchr(text, ':');
    if (colon && !strchr(colon + 1, ':')) /* more than one: an IPv6 address without port */
        s.n = (size_t)(colon - text);
    while (s.n && s.p[s.n - 1] == '.')
        s.n--;
    return s;
}
bool mps_host_eq(const char *a, const char *b) {
    return slice_ieq(bare_host(a), bare_host(b));
}

/* --- the board --- */

static const char *first_of(const char *a, const char *b) {
    return a && a[0] ? a : b ? b : "";
}
const char *host_vendor(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return first_of(f ? f->vendor : NULL, h->info ? h->info->manufacturer : NULL);
}
const char *host_product(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return first_of(f ? f->product : NULL, h->info ? h->info->model : NULL);
}
const char *host_board(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return f ? f->board : "";
}
const char *host_firmware_version(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return first_of(f ? f->firmware_version : NULL, h->info ? h->info->version : NULL);
}

struct bios_switch host_bios_switch(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    const struct known_board *b = known_board(host_vendor(h), host_product(h), host_board(h));
    if (f && f->bios_switch != AGENT_SWITCH_UNKNOWN)
        return (struct bios_switch){f->bios_switch, "agent", b ? b->note : ""};
    if (b)
        return (struct bios_switch){known_board_switch(b), "board-table", b->note};
    return (struct bios_switch){AGENT_SWITCH_UNKNOWN, "", ""};
}

enum agent_switch host_firmware_switch(const struct host *h) {
    const struct agent_facts *f = facts_of(h);
    return f ? f->firmware_switch : AGENT_SWITCH_UNKNOWN;
}
