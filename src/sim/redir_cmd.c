/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of redirection: what a test or the control socket turns. */
#include "base/text.h"
#include "sim/ider_side.h"
#include "sim/redir_app.h"
#include "sim/redir_conn.h"

void sim_node_busy(struct sim_node *n, enum redir_kind k, bool on) {
    unsigned bit = 1u << k;
    n->redir.busy = (uint8_t)(on ? n->redir.busy | bit : n->redir.busy & ~bit);
}

static void knob_turned(struct sim_node *n) {
    redir_changed(n, false);
    node_settle(n);
}
void sim_node_kvm_size(struct sim_node *n, uint16_t w, uint16_t h) {
    n->redir.kvm.w = w;
    n->redir.kvm.h = h;
    knob_turned(n);
}
void sim_node_kvm_still(struct sim_node *n, bool on) {
    n->redir.kvm.still = on;
    knob_turned(n);
}
void sim_node_kvm_padded(struct sim_node *n, bool on) {
    n->redir.kvm.padded = on; /* from the next session on */
}
void sim_node_kvm_timeout(struct sim_node *n, uint16_t minutes) {
    n->redir.kvm.session_timeout_min = minutes;
}
void sim_node_kvm_fault(struct sim_node *n, enum sim_kvm_fault f, bool on) {
    unsigned bit = 1u << f;
    n->redir.kvm.faults = (uint8_t)(on ? n->redir.kvm.faults | bit : n->redir.kvm.faults & ~bit);
    knob_turned(n);
}

void sim_node_getty(struct sim_node *n, bool on) {
    n->redir.no_getty = !on;
    knob_turned(n);
}

/* --- IDE-R --- */

static struct sim_ider *ider_of(const struct sim_node *n) {
    void *app = redir_machine(n, REDIR_IDER);
    return app ? redir_app_ider(app) : NULL;
}

int sim_node_ider_read(struct sim_node *n, enum ider_drive drive, uint32_t lba, uint32_t blocks) {
    struct sim_ider *s = ider_of(n);
    int r = s ? sim_ider_read(s, drive, lba, blocks) : ERR_NOT_FOUND;
    node_settle(n);
    return r;
}

int sim_node_ider_describe(const struct sim_node *n, struct buf *out) {
    struct sim_ider *s = ider_of(n);
    if (!s)
        return buf_putf(out, "%s no-session\n", n->cfg.id.name);
    struct sim_ider_report r = sim_ider_report(s);
    char hex[2 * sizeof r.sha256 + 1];
    return buf_putf(
        out,
        "%s open=%d drives=%d busy=%d blocks=%u block-bytes=%u bytes=%llu sha256=%s sense=%u/%02x/%02x "
        "commands=%u resets=%u\n",
        n->cfg.id.name, r.open, r.drives, r.busy, r.blocks, r.block_bytes, (unsigned long long)r.bytes,
        text_hex(slice_of(r.sha256, sizeof r.sha256), hex), r.key, r.asc, r.ascq, r.commands, r.resets);
}

void sim_node_ider_dma(struct sim_node *n, bool on) {
    n->redir.ider_dma = on;
}

int sim_node_ider_skip(struct sim_node *n) {
    struct sim_ider *s = ider_of(n);
    if (s)
        sim_ider_skip_sequence(s);
    return s ? 0 : ERR_NOT_FOUND;
}

int sim_node_ider_error(struct sim_node *n) {
    struct sim_ider *s = ider_of(n);
    int r = s ? sim_ider_report_error(s, (const uint8_t[3]){1, 0, 0}) : ERR_NOT_FOUND;
    node_settle(n);
    return r;
}
