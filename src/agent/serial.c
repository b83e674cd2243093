/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/serial.h"

#include "agent/program.h"
#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_MS = 10000, SET_MS = 60000, NODE_MAX = 4096, PATH_CAP = 1024 };

#define INTEL      "0x8086"
#define CLASS_UART "0x0700" /* PCI: communication controller, serial; any programming interface */

/* The content of a small file, without what surrounds it. */
static void read_word(const char *path, char *out, size_t cap) {
    char *text = NULL;
    size_t n = 0;
    out[0] = 0;
    if (file_read(path, NODE_MAX, &text, &n, NULL) == 0)
        slice_to_str(slice_trim(slice_of(text, n)), out, cap);
    free(text);
}

static bool is_serial_of_engine(const char *dir) {
    char path[PATH_CAP], word[32];
    snprintf(path, sizeof path, "%.900s/vendor", dir);
    read_word(path, word, sizeof word);
    if (strcmp(word, INTEL) != 0)
        return false;
    snprintf(path, sizeof path, "%.900s/class", dir);
    read_word(path, word, sizeof word);
    return strncmp(word, CLASS_UART, strlen(CLASS_UART)) == 0;
}

static bool is_tty(const char *name) {
    return strncmp(name, "ttyS", 4) == 0 && text_in_set(slice_str(name + 4), TEXT_DIGITS, 1, 4);
}

/* The ttyS that belongs to the PCI function at dir: named below it, or pointing to it. */
static void tty_of(const char *sysfs, const char *dir, char out[SERIAL_TTY_CAP]) {
    char path[PATH_CAP], real[PATH_MAX], want[PATH_MAX];
    out[0] = 0;
    snprintf(path, sizeof path, "%.900s/tty", dir);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_tty(e->d_name))
            snprintf(out, SERIAL_TTY_CAP, "%.15s", e->d_name);
    if (d)
        closedir(d);
    if (out[0] || !realpath(dir, want))
        return;
    snprintf(path, sizeof path, "%.900s/class/tty", sysfs);
    d = opendir(path);
    for (struct dirent *e; d && !out[0] && (e = readdir(d));) {
        char link[PATH_CAP];
        snprintf(link, sizeof link, "%.700s/class/tty/%.16s/device", sysfs, e->d_name);
        if (is_tty(e->d_name) && realpath(link, real) && strcmp(real, want) == 0)
            snprintf(out, SERIAL_TTY_CAP, "%.15s", e->d_name);
    }
    if (d)
        closedir(d);
}

/* A port that the driver knows but that has no chip behind it. */
static bool is_configured(const char *sysfs, const char *tty) {
    char path[PATH_CAP], word[16];
    snprintf(path, sizeof path, "%.900s/class/tty/%s/type", sysfs, tty);
    read_word(path, word, sizeof word);
    return strcmp(word, "0") != 0;
}

void serial_find(struct serial *s, const char *sysfs) {
    char path[PATH_CAP], dir[PATH_CAP];
    *s = (struct serial){0};
    snprintf(path, sizeof path, "%.900s/bus/pci/devices", sysfs);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char tty[SERIAL_TTY_CAP];
        snprintf(dir, sizeof dir, "%.700s/bus/pci/devices/%.200s", sysfs, e->d_name);
        if (e->d_name[0] == '.' || !is_serial_of_engine(dir))
            continue;
        tty_of(sysfs, dir, tty);
        /* of several the first in order, but one with a tty before one without */
        bool better =
            !s->pci[0] || (tty[0] && !s->tty[0]) || (!tty[0] == !s->tty[0] && strcmp(e->d_name, s->pci) < 0);
        if (!better)
            continue;
        text_clean(s->pci, sizeof s->pci, slice_str(e->d_name));
        memcpy(s->tty, tty, sizeof s->tty);
    }
    if (d)
        closedir(d);
    if (!s->pci[0])
        snprintf(s->text, sizeof s->text,
                 "this machine shows no AMT serial port (Intel PCI function of class 0x0700)");
    else if (!s->tty[0])
        snprintf(s->text, sizeof s->text, "the AMT serial port %.31s has no driver: no ttyS belongs to it",
                 s->pci);
    else if (!is_configured(sysfs, s->tty))
        snprintf(s->text, sizeof s->text, "%s of the AMT serial port %.31s is not configured", s->tty,
                 s->pci);
    else
        snprintf(s->text, sizeof s->text, "%s is the AMT serial port %.31s", s->tty, s->pci);
}

static void unit_of(const struct serial *s, char out[48]) {
    snprintf(out, 48, "serial-getty@%s.service", s->tty);
}

static bool says_yes(const char *systemctl, const char *verb, const char *unit) {
    const char *const argv[] = {systemctl, verb, "--quiet", unit, NULL};
    struct program_end end;
    return program_run(argv, ASK_MS, &end, NULL) == 0 && end.exit == 0;
}

void serial_ask(struct serial *s, const char *systemctl) {
    char unit[48];
    if (!s->tty[0])
        return;
    unit_of(s, unit);
    s->getty = says_yes(systemctl, "is-active", unit);
    s->enabled = says_yes(systemctl, "is-enabled", unit);
}

int serial_set(const struct serial *s, const char *systemctl, bool enable, struct errinfo *ei) {
    char unit[48];
    struct program_end end;
    if (!s->tty[0])
        return err_set(ei, ERR_STATE, "", "%s", s->text);
    unit_of(s, unit);
    const char *const argv[] = {systemctl, enable ? "enable" : "disable", "--now", unit, NULL};
    int r = program_run(argv, SET_MS, &end, ei);
    if (r == 0 && end.exit != 0)
        r = err_set(ei, ERR_REFUSED, "", "systemctl %s --now %s failed (%d): %.200s", argv[1], unit, end.exit,
                    end.out);
    return r;
}
