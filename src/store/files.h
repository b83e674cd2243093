/* SPDX-License-Identifier: Apache-2.0 */
/* files: what it takes until a new file survives a power cut. Any thread. Private to store/. */
#pragma once

/* Write the file's content to the disk. 0, or -1 with errno. */
int file_sync(const char *path);
/* The entry itself survives only when its directory is synced, too. Failure is not told: some filesystems
 * cannot, and need not. */
void file_sync_dir_of(const char *path);
