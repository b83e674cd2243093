-- SPDX-License-Identifier: Apache-2.0
-- The first schema. Times are microseconds since 1970 (0: never), UUIDs 16 bytes in printed order, enums our words.
-- The members of each row are listed in row.c, in the same names.

CREATE TABLE host (
    id TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    serial TEXT NOT NULL,
    cira_user TEXT NOT NULL,
    amt_user TEXT NOT NULL,
    cira_secret BLOB NOT NULL,
    amt_secret BLOB NOT NULL,
    smbios_uuid BLOB NOT NULL,
    amt_uuid BLOB NOT NULL,
    seen_uuid BLOB NOT NULL,
    control_mode TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    version INTEGER NOT NULL,
    intent_desired TEXT NOT NULL,
    intent_policy TEXT NOT NULL,
    intent_hold_until INTEGER NOT NULL,
    intent_since INTEGER NOT NULL,
    intent_actor TEXT NOT NULL,
    link_state TEXT NOT NULL,
    link_why TEXT NOT NULL,
    link_generation INTEGER NOT NULL,
    link_since INTEGER NOT NULL,
    link_peer TEXT NOT NULL,
    power_state TEXT NOT NULL,
    power_cim INTEGER NOT NULL,
    power_source TEXT NOT NULL,
    power_at INTEGER NOT NULL,
    drops_at_off INTEGER NOT NULL,
    last_off_seen INTEGER NOT NULL,
    pin BLOB,
    info_at INTEGER NOT NULL,
    info TEXT
);
-- a tunnel is bound by its CIRA user: two hosts with one user would be one hole
CREATE UNIQUE INDEX host_cira_user ON host (cira_user) WHERE cira_user <> '';

CREATE TABLE operation (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    by_reconcile INTEGER NOT NULL,
    force INTEGER NOT NULL,
    prior TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    open INTEGER NOT NULL
);
CREATE INDEX operation_host ON operation (host);
CREATE INDEX operation_project ON operation (project);
CREATE INDEX operation_open ON operation (open);
CREATE INDEX operation_key ON operation (key) WHERE key <> '';

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    host TEXT NOT NULL,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX event_host ON event (host);
CREATE INDEX event_project ON event (project);

CREATE TABLE quarantine (
    id TEXT NOT NULL PRIMARY KEY,
    cira_user TEXT NOT NULL,
    uuid BLOB NOT NULL,
    peer TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    count INTEGER NOT NULL,
    verdict TEXT NOT NULL
);

CREATE TABLE account (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    project TEXT NOT NULL,
    hash TEXT NOT NULL,
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    disabled INTEGER NOT NULL
);

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The audit log only grows. hash chains each row to the one before it; audit_head tells when the end was cut off.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    result TEXT NOT NULL,
    detail TEXT NOT NULL,
    req TEXT NOT NULL,
    peer TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- also stops INSERT OR REPLACE, which deletes without the trigger above
CREATE TRIGGER audit_in_order BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
