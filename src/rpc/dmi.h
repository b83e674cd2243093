/* SPDX-License-Identifier: Apache-2.0 */
/* dmi: what the firmware's tables (SMBIOS) say of the machine, as the kernel shows them. Any thread. Source:
 * reference protocol-redir-activation 6. */
#pragma once

#include "base/slice.h"
#include "base/uuid.h"

enum { DMI_TEXT_CAP = 64, DMI_FILE_MAX = 4096, DMI_ROOT_CAP = 512 };
#define DMI_DIR "class/dmi/id" /* in a sysfs */

/* F(member, file) */
#define DMI_TABLE(F)                                                                                         \
    F(serial, "product_serial")                                                                              \
    F(vendor, "sys_vendor")                                                                                  \
    F(product, "product_name")                                                                               \
    F(board_vendor, "board_vendor")                                                                          \
    F(board, "board_name") F(bios_vendor, "bios_vendor") F(bios_version, "bios_version")
/* "": not told, not readable, or one of the phrases that stand for nothing ("To be filled by O.E.M."). */
struct dmi {
    struct uuid uuid; /* nil: not readable (root only), or a placeholder */
    bool uuid_placeholder;
#define F(member, file) char member[DMI_TEXT_CAP];
    DMI_TABLE(F)
#undef F
};

/* root: /sys/ DMI_DIR, or another directory that looks like it. Never fails: what is not there stays empty.
 */
void dmi_read(struct dmi *d, const char *root);
/* The content of one of the files, cleaned, into out[DMI_TEXT_CAP]. */
void dmi_text(struct slice content, char out[DMI_TEXT_CAP]);
/* The content of product_uuid. Nil when it is none; *placeholder: it is one that many machines share. */
struct uuid dmi_uuid(struct slice content, bool *placeholder);
