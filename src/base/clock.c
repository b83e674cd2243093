/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (H. Hinnant's civil calendar arithmetic). */
static int64_t days_of(int64_t y, int64_t m, int64_t d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct civil {
    int64_t year;
    int month, day, hour, min, sec, ms;
};

static struct civil civil_of(struct wall t) {
    int64_t secs = t.us / 1000000, rest = t.us % 1000000;
    if (rest < 0) {
        secs--;
        rest += 1000000;
    }
    int64_t days = secs / 86400, sod = secs % 86400;
    if (sod < 0) {
        days--;
        sod += 86400;
    }
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1), .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
    c.year = yoe + era * 400 + (c.month <= 2);
    c.hour = (int)(sod / 3600);
    c.min = (int)(sod / 60 % 60);
    c.sec = (int)(sod % 60);
    c.ms = (int)(rest / 1000);
    return c;
}

/* n decimal digits of v at out. Time stamps are the most written thing of all: no printf. */
static char *put_digits(char *out, int n, int64_t v) {
    for (int i = n; i-- > 0; v /= 10)
        out[i] = (char)('0' + (v < 0 ? -(v % 10) : v % 10));
    return out + n;
}

const char *wall_rfc3339(struct wall t, char *out) {
    if (t.us == 0) {
        out[0] = 0;
        return out;
    }
    struct civil c = civil_of(t);
    const int parts[] = {c.month, c.day, c.hour, c.min, c.sec};
    char *p = put_digits(out, 4, c.year % 10000);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *p++ = "--T::"[i];
        p = put_digits(p, 2, parts[i]);
    }
    *p++ = '.';
    p = put_digits(p, 3, c.ms);
    *p++ = 'Z';
    *p = 0;
    return out;
}

const char *wall_hms(struct wall t, char *out) {
    struct civil c = civil_of(t);
    if (t.us == 0)
        snprintf(out, WALL_TEXT_CAP, "never");
    else
        snprintf(out, WALL_TEXT_CAP, "%02d:%02d:%02d", c.hour, c.min, c.sec);
    return out;
}

/* Exactly n digits at s within [lo, hi], or -1. */
static int digits(const char *s, int n, int lo, int hi) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v < lo || v > hi ? -1 : v;
}

struct wall wall_of_utc(const struct tm *tm) {
    int64_t days = days_of((int64_t)tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
    return (struct wall){(days * 86400 + tm->tm_hour * 3600 + tm->tm_min * 60 + tm->tm_sec) * 1000000};
}

bool wall_parse(const char *s, struct wall *out) {
    size_t n = strlen(s);
    if (n < 20 || n > 40 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't') || s[13] != ':' ||
        s[16] != ':')
        return false;
    int y = digits(s, 4, 1970, 9999), mo = digits(s + 5, 2, 1, 12), d = digits(s + 8, 2, 1, 31);
    int h = digits(s + 11, 2, 0, 23), mi = digits(s + 14, 2, 0, 59), se = digits(s + 17, 2, 0, 60);
    if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || se < 0)
        return false;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    if (d > month_days[mo - 1] + (mo == 2 && leap))
        return false;
    const char *p = s + 19;
    int64_t us = 0, unit = 100000;
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
            us += (*p - '0') * unit;
        if (p[-1] == '.')
            return false;
    }
    int offset_min = 0;
    if ((*p == 'Z' || *p == 'z') && p[1] == 0) {
        ;
    } else if ((*p == '+' || *p == '-') && strlen(p) == 6 && p[3] == ':') {
        int oh = digits(p + 1, 2, 0, 23), om = digits(p + 4, 2, 0, 59);
        if (oh < 0 || om < 0)
            return false;
        offset_min = (*p == '-' ? -1 : 1) * (oh * 60 + om);
    } else {
        return false;
    }
    int64_t secs = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - (int64_t)offset_min * 60;
    out->us = secs * 1000000 + us;
    return true;
}

const char *duration_text(int64_t ms, char *out) {
    int64_t s = ms < 0 ? 0 : ms / 1000;
    if (s < 60)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, WALL_TEXT_CAP, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
    return out;
}
