/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

#include "base/text.h"

struct uuid uuid_swap(struct uuid u) {
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    struct uuid r;
    for (int i = 0; i < 16; i++)
        r.b[i] = u.b[order[i]];
    return r;
}

const char *uuid_text(struct uuid u, char *out) {
    char hex[33];
    text_hex(slice_of(u.b, 16), hex);
    static const int group[] = {8, 4, 4, 4, 12};
    const char *from = hex;
    char *to = out;
    for (int i = 0; i < 5; i++) {
        if (i)
            *to++ = '-';
        memcpy(to, from, (size_t)group[i]);
        to += group[i];
        from += group[i];
    }
    *to = 0;
    return out;
}

bool uuid_parse(struct slice s, struct uuid *out) {
    if (s.n == 32)
        return text_unhex(s, out->b, 16);
    if (s.n != 36 || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' || s.p[23] != '-')
        return false;
    char flat[32];
    size_t n = 0;
    for (size_t i = 0; i < 36 && n < sizeof flat; i++)
        if (i != 8 && i != 13 && i != 18 && i != 23)
            flat[n++] = (char)s.p[i];
    return text_unhex(slice_of(flat, 32), out->b, 16);
}

bool uuid_eq(struct uuid a, struct uuid b) {
    return memcmp(a.b, b.b, 16) == 0;
}
bool uuid_same_node(struct uuid a, struct uuid b) {
    return uuid_eq(a, b) || uuid_eq(uuid_swap(a), b);
}
bool uuid_is_nil(struct uuid u) {
    return uuid_eq(u, (struct uuid){{0}});
}

bool uuid_is_placeholder(struct uuid u) {
    static const struct uuid ones = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    /* the factory value that the requirement and rpc-go's list name */
    static const struct uuid ami = {
        {0x03, 0x00, 0x02, 0x00, 0x04, 0x00, 0x05, 0x00, 0x00, 0x06, 0x00, 0x07, 0x00, 0x08, 0x00, 0x09}};
    return uuid_is_nil(u) || uuid_eq(u, ones) || uuid_same_node(u, ami);
}
