-- SPDX-License-Identifier: Apache-2.0
-- Nodes of another MPS often share one CIRA user: those are told apart by their AMT UUID as well. A user that is not
-- shared is still one host's alone.

ALTER TABLE host ADD COLUMN cira_shared INTEGER NOT NULL DEFAULT 0;
DROP INDEX host_cira_user;
CREATE UNIQUE INDEX host_cira_user ON host (cira_user) WHERE cira_user <> '' AND cira_shared = 0;
CREATE UNIQUE INDEX host_cira_shared ON host (cira_user, amt_uuid) WHERE cira_shared <> 0;
