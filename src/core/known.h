/* SPDX-License-Identifier: Apache-2.0 */
/* known: what is known of boards and of firmware versions before anything is asked of them: the tables of
 * data/ (amt-bios-switch.csv, firmware-advisories.csv), built in. Constant data; pure. */
#pragma once

#include "core/agent.h"

struct known_board {
    const char *vendor, *product, *board; /* shell patterns, any case */
    const char *bios_switch;              /* "absent", "present" */
    const char *note, *source;
};
/* The first row that fits what SMBIOS (or the AMT device card) says; "" fits "*" only. NULL: nothing known.
 */
const struct known_board *known_board(const char *vendor, const char *product, const char *board);
enum agent_switch known_board_switch(const struct known_board *b);

struct known_advisory {
    const char *from, *below, *build; /* of AMT versions; build "0": any */
    const char *id, *what, *remedy;
};
/* The first advisory for this version ("11.6.27.3264", "16.1.25"); NULL: none, or no version. */
const struct known_advisory *known_advisory(const char *version);
