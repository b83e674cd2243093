/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies of all classes share. Source: reference protocol-cira-wsman 3.2. */
#include "proto/amt.h"

int amt_put_input(struct buf *out, enum wsman_class cls, const char *method) {
    buf_puts(out, "<p:");
    buf_puts(out, method);
    buf_puts(out, "_INPUT xmlns:p=\"");
    buf_puts(out, wsman_class_uri(cls));
    return buf_puts(out, "\">");
}

int amt_put_edited(struct buf *out, const struct wsman_msg *current, enum wsman_class cls,
                   bool (*edit)(void *ctx, struct slice name, struct slice *value), void *ctx) {
    uint32_t node = wsman_first_instance(current);
    if (!wsman_is_instance(current, node, cls))
        return ERR_INVALID;
    buf_putf(out, "<p:%s xmlns:p=\"%s\">", wsman_class_name(cls), wsman_class_uri(cls));
    for (uint32_t i = current->nodes[node].first_child; i; i = current->nodes[i].next_sibling) {
        const struct wsman_node *n = &current->nodes[i];
        struct slice value = n->text;
        char name[64];
        if (n->first_child || !edit(ctx, n->name, &value) || !slice_to_str(n->name, name, sizeof name))
            continue;
        wsman_put_element(out, "p", name, value);
    }
    return buf_putf(out, "</p:%s>", wsman_class_name(cls));
}

/* Write the edits that stand before that name in the alphabet (NULL: all) and are not written yet. */
static size_t put_edits_before(struct buf *out, const struct amt_edit *edits, size_t n, size_t done,
                               const char *name) {
    for (; done < n && (!name || strcmp(edits[done].name, name) < 0); done++)
        if (edits[done].value)
            wsman_put_element(out, "p", edits[done].name, slice_str(edits[done].value));
    return done;
}

static bool is_edited(const struct amt_edit *edits, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(edits[i].name, name) == 0)
            return true;
    return false;
}

int amt_put_changed(struct buf *out, const struct wsman_msg *current, enum wsman_class cls,
                    const struct amt_edit *edits, size_t n) {
    uint32_t node = wsman_first_instance(current);
    size_t done = 0;
    if (!wsman_is_instance(current, node, cls))
        return ERR_INVALID;
    buf_putf(out, "<p:%s xmlns:p=\"%s\">", wsman_class_name(cls), wsman_class_uri(cls));
    for (uint32_t i = current->nodes[node].first_child; i; i = current->nodes[i].next_sibling) {
        const struct wsman_node *at = &current->nodes[i];
        char name[64];
        if (at->first_child || !slice_to_str(at->name, name, sizeof name) || is_edited(edits, n, name))
            continue;
        done = put_edits_before(out, edits, n, done, name);
        wsman_put_element(out, "p", name, at->text);
    }
    put_edits_before(out, edits, n, done, NULL);
    return buf_putf(out, "</p:%s>", wsman_class_name(cls));
}
