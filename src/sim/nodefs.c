/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nodefs.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_CAP = 512, VALUE_CAP = 128 };

#define KT "bus/pci/devices/0000:00:16.3"

/* What is the same at every node; folders are made as they come. */
static const struct {
    const char *path, *text;
} FILES[] = {
    {"class/dmi/id/bios_vendor", "Simulated BIOS"},
    {"class/dmi/id/bios_version", "SIMBIOS.1.0"},
    {"class/dmi/id/bios_date", "01/02/2024"},
    {"class/dmi/id/chassis_type", "35"},
    {"bus/pci/devices/0000:00:16.0/vendor", "0x8086"},
    {"bus/pci/devices/0000:00:16.0/class", "0x078000"},
    {KT "/vendor", "0x8086"},
    {KT "/class", "0x070002"},
    {KT "/tty/ttyS4/type", "4"},
    {"class/tty/ttyS0/type", "0"},
    {"class/tty/ttyS4/type", "4"},
    {"class/mei/mei0/dev_state", "ENABLED"},
    {"class/mei/mei0/kind", "mei"},
};

static int io_error(struct errinfo *ei, const char *path) {
    return err_set(ei, ERR_IO, "mei", "cannot write %s: %s", path, strerror(errno));
}

/* The folders above path. */
static int make_folders(char *path, size_t from, struct errinfo *ei) {
    for (char *p = path + from; (p = strchr(p, '/')); p++) {
        *p = 0;
        int r = mkdir(path, 0755);
        *p = '/';
        if (r < 0 && errno != EEXIST)
            return io_error(ei, path);
    }
    return 0;
}

static int join(char path[PATH_CAP], const char *root, const char *name, struct errinfo *ei) {
    int n = snprintf(path, PATH_CAP, "%s/%s", root, name);
    return n < PATH_CAP ? 0 : err_set(ei, ERR_LIMIT, "mei", "the path %s is too long", root);
}

static int put_file(const char *root, const char *name, const char *text, mode_t mode, struct errinfo *ei) {
    char path[PATH_CAP], line[VALUE_CAP + 2];
    int r = join(path, root, name, ei);
    if (r == 0)
        r = make_folders(path, strlen(root), ei);
    if (r < 0)
        return r;
    snprintf(line, sizeof line, "%.*s\n", VALUE_CAP, text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return io_error(ei, path);
    r = file_write_all(fd, slice_str(line));
    close(fd);
    return r < 0 ? io_error(ei, path) : 0;
}

static int put_link(const char *root, const char *name, const char *target, struct errinfo *ei) {
    char path[PATH_CAP];
    int r = join(path, root, name, ei);
    return r == 0 && symlink(target, path) < 0 && errno != EEXIST ? io_error(ei, path) : r;
}

static int put_identity(const char *root, const struct sim_node *n, struct errinfo *ei) {
    const struct sim_node_config *c = sim_node_config(n);
    char uuid[UUID_TEXT_CAP];
    uuid_text(c->id.smbios, uuid);
    const struct {
        const char *path, *text;
        mode_t mode;
    } own[] = {
        {"class/dmi/id/product_uuid", uuid, 0600},
        {"class/dmi/id/product_serial", c->id.serial, 0600},
        {"class/dmi/id/board_serial", c->id.serial, 0600},
        {"class/dmi/id/sys_vendor", c->board_vendor, 0644},
        {"class/dmi/id/product_name", c->board, 0644},
        {"class/dmi/id/board_vendor", c->board_vendor, 0644},
        {"class/dmi/id/board_name", c->board, 0644},
        {"class/mei/mei0/fw_ver", sim_profile_firmware(c->profile), 0644},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        int r = put_file(root, own[i].path, own[i].text, own[i].mode, ei);
        if (r < 0)
            return r;
    }
    return 0;
}

int nodefs_write(const char *dir, const struct sim_node *n, struct errinfo *ei) {
    char root[PATH_CAP];
    snprintf(root, sizeof root, "%s/%s.sys", dir, sim_node_config(n)->id.name);
    int r = put_identity(root, n, ei);
    for (size_t i = 0; r == 0 && i < sizeof FILES / sizeof FILES[0]; i++)
        r = put_file(root, FILES[i].path, FILES[i].text, 0644, ei);
    return r == 0 ? put_link(root, "class/tty/ttyS4/device", "../../../" KT, ei) : r;
}

int nodefs_dir(const char *dir, struct errinfo *ei) {
    return mkdir(dir, 0700) < 0 && errno != EEXIST ? io_error(ei, dir) : 0;
}

int nodefs_open(const char *dir, struct sim_node *n, struct errinfo *ei) {
    char address[PATH_CAP];
    snprintf(address, sizeof address, "unix:%s/%s", dir, sim_node_config(n)->id.name);
    int r = sim_node_listen_mei(n, address, ei);
    return r == 0 ? nodefs_write(dir, n, ei) : r;
}
