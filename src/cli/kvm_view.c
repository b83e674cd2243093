/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kvm_view.h"

int kvm_view(struct cli *c, struct session *s) {
    term_say(&c->term, "%s: this build of orch-cli shows no KVM", s->host_name);
    term_hint(&c->term, "Open the host's console in the browser, at the server's address.");
    return EXIT_FAILED;
}
