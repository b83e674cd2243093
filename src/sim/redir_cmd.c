/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of redirection: what a test or the control socket turns. */
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
void sim_node_kvm_fault(struct sim_node *n, enum sim_kvm_fault f, bool on) {
    unsigned bit = 1u << f;
    n->redir.kvm.faults = (uint8_t)(on ? n->redir.kvm.faults | bit : n->redir.kvm.faults & ~bit);
    knob_turned(n);
}

void sim_node_getty(struct sim_node *n, bool on) {
    n->redir.no_getty = !on;
    knob_turned(n);
}
