-- SPDX-License-Identifier: Apache-2.0
-- Activation: a host's AMT state, its secrets on their way, its provisioning and its agent; the named objects of projects.

ALTER TABLE host ADD COLUMN amt_state TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE host ADD COLUMN amt_source TEXT NOT NULL DEFAULT 'none';
ALTER TABLE host ADD COLUMN amt_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN amt_desired TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE host ADD COLUMN amt_mode TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE host ADD COLUMN amt_profile TEXT NOT NULL DEFAULT '';
ALTER TABLE host ADD COLUMN serial_console INTEGER NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN cira_next BLOB NOT NULL DEFAULT x'';
ALTER TABLE host ADD COLUMN amt_next BLOB NOT NULL DEFAULT x'';
ALTER TABLE host ADD COLUMN mebx_secret BLOB NOT NULL DEFAULT x'';
ALTER TABLE host ADD COLUMN mebx_next BLOB NOT NULL DEFAULT x'';

CREATE TABLE provision (
    host TEXT NOT NULL PRIMARY KEY,
    goal TEXT NOT NULL,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    way TEXT NOT NULL,
    code TEXT NOT NULL,
    mode TEXT NOT NULL,
    profile TEXT NOT NULL,
    actor TEXT NOT NULL,
    text TEXT NOT NULL,
    remedy TEXT NOT NULL,
    tries INTEGER NOT NULL,
    secrets_stored INTEGER NOT NULL,
    setup_sent INTEGER NOT NULL,
    admin_ours INTEGER NOT NULL,
    cira_sent INTEGER NOT NULL,
    rolling_back INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    finished INTEGER NOT NULL
);

CREATE TABLE agent (
    host TEXT NOT NULL PRIMARY KEY,
    cert BLOB,
    before BLOB,
    key_name TEXT NOT NULL,
    enrolled INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    cert_until INTEGER NOT NULL,
    facts_at INTEGER NOT NULL,
    facts TEXT NOT NULL
);

CREATE TABLE object (
    kind TEXT NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    body TEXT NOT NULL,
    secret TEXT,
    PRIMARY KEY (kind, project, name)
);
