/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/commands.h"

int main(int argc, char **argv) {
    return agent_main(argc, argv, stdout, stderr);
}
