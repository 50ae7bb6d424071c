-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE _meta (name TEXT PRIMARY KEY, int_val INTEGER, text_val TEXT);
CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE, resourcepart TEXT, password TEXT, alias TEXT, enabled INTEGER, roster_version TEXT, mam_earliest_synced INTEGER);
CREATE TABLE jid (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE);
CREATE TABLE content_item (id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id INTEGER NOT NULL, time INTEGER NOT NULL, local_time INTEGER NOT NULL, content_type INTEGER NOT NULL, foreign_id INTEGER NOT NULL, hide INTEGER NOT NULL DEFAULT 0, UNIQUE (content_type, foreign_id) ON CONFLICT IGNORE);
CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, stanza_id TEXT, server_id TEXT, account_id INTEGER NOT NULL, counterpart_id INTEGER NOT NULL, our_resource TEXT, counterpart_resource TEXT, direction INTEGER NOT NULL, type INTEGER, time INTEGER, local_time INTEGER, body TEXT, encryption INTEGER, marked INTEGER);
CREATE TABLE message_correction (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER UNIQUE, to_stanza_id TEXT);
CREATE TABLE reply (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL UNIQUE, quoted_message_id INTEGER, quoted_message_stanza_id TEXT, quoted_message_from TEXT);
CREATE TABLE real_jid (message_id INTEGER PRIMARY KEY, real_jid TEXT);
CREATE TABLE occupant_id (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, last_nick TEXT, jid_id INTEGER, occupant_id TEXT, UNIQUE (account_id, jid_id, occupant_id) ON CONFLICT REPLACE);
CREATE TABLE file_transfer (id INTEGER PRIMARY KEY AUTOINCREMENT, file_sharing_id TEXT, account_id INTEGER NOT NULL, counterpart_id INTEGER NOT NULL, counterpart_resource TEXT, our_resource TEXT, direction INTEGER NOT NULL, time INTEGER, local_time INTEGER, encryption INTEGER, file_name TEXT, path TEXT, mime_type TEXT, size INTEGER, state INTEGER, provider INTEGER, info TEXT, modification_date INTEGER DEFAULT -1, width INTEGER DEFAULT -1, height INTEGER DEFAULT -1, length INTEGER DEFAULT -1);
CREATE TABLE call (id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL, counterpart_id INTEGER NOT NULL, counterpart_resource TEXT, our_resource TEXT, direction INTEGER NOT NULL, time INTEGER NOT NULL, local_time INTEGER NOT NULL, end_time INTEGER, encryption INTEGER, state INTEGER);
CREATE TABLE conversation (id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL, jid_id INTEGER NOT NULL, resource TEXT, active INTEGER, active_last_changed INTEGER NOT NULL DEFAULT 0, last_active INTEGER, type INTEGER, encryption INTEGER, read_up_to INTEGER, read_up_to_item INTEGER NOT NULL DEFAULT -1, notification INTEGER, send_typing INTEGER, send_marker INTEGER, pinned INTEGER DEFAULT 0);
CREATE TABLE roster (account_id INTEGER, jid TEXT, name TEXT, subscription TEXT, ask TEXT, UNIQUE (account_id, jid) ON CONFLICT IGNORE);
CREATE TABLE reaction (id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL, occupant_id INTEGER, content_item_id INTEGER NOT NULL, time INTEGER NOT NULL, jid_id INTEGER, emojis TEXT, UNIQUE (account_id, content_item_id, jid_id) ON CONFLICT REPLACE, UNIQUE (account_id, content_item_id, occupant_id) ON CONFLICT REPLACE);
INSERT INTO _meta VALUES ('version', 32, NULL);
INSERT INTO account VALUES (1, 'romeo@montague.example', 'orchard', 'secret', 'Romeo', 1, NULL, NULL);
INSERT INTO jid VALUES (1, 'juliet@capulet.example'), (2, 'verona@chat.example'), (3, 'romeo@montague.example');
INSERT INTO roster VALUES (1, 'juliet@capulet.example', 'Juliet', 'both', NULL);
INSERT INTO conversation (id, account_id, jid_id, active, last_active, type) VALUES (1, 1, 1, 1, 1763877700, 0), (2, 1, 2, 1, 1763877800, 1);
INSERT INTO occupant_id VALUES (1, 1, 'nurse', 2, 'occ-1');
INSERT INTO message VALUES (1, 's1', 'm1', 1, 1, 'orchard', 'balcony', 0, 1, 1763877600, 1763877601, 'Wherefore art thou?', 0, 0),
  (2, 's2', NULL, 1, 1, 'orchard', NULL, 1, 1, 1763877610, 1763877610, 'Her', 0, 0),
  (3, 's3', NULL, 1, 1, 'orchard', NULL, 1, 1, 1763877620, 1763877620, 'Here', 0, 0),
  (4, 'g1', 'm4', 1, 2, 'romeo', 'nurse', 0, 2, 1763877630, 1763877630, 'Madam!', 0, 0),
  (5, NULL, 'm5', 1, 2, 'romeo', 'romeo', 1, 2, 1763877640, 1763877640, '', 0, 0);
INSERT INTO message_correction (message_id, to_stanza_id) VALUES (3, 's2');
INSERT INTO reply (message_id, quoted_message_id) VALUES (3, 1);
INSERT INTO file_transfer VALUES (1, 'fs1', 1, 1, NULL, 'orchard', 0, 1763877650, 1763877650, 0, 'rose.jpg', 'uuid-rose.jpg', 'image/jpeg', 4, 2, 0, 's9', -1, 40, 30, -1);
INSERT INTO call VALUES (1, 1, 1, NULL, 'orchard', 1, 1763877660, 1763877660, 1763877690, 0, 3);
INSERT INTO content_item VALUES (1, 1, 1763877600, 1763877601, 1, 1, 0), (2, 1, 1763877610, 1763877610, 1, 3, 0),
  (3, 2, 1763877630, 1763877630, 1, 4, 0), (4, 2, 1763877640, 1763877640, 1, 5, 0), (5, 1, 1763877650, 1763877650, 2, 1, 0),
  (6, 1, 1763877660, 1763877660, 3, 1, 0);
INSERT INTO reaction VALUES (1, 1, NULL, 1, 1763877700, 3, '❤,👍'), (2, 1, 1, 4, 1763877701, NULL, '👍');
