-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT, service TEXT NOT NULL, uncanonicalized_id TEXT, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, state INTEGER, account_id TEXT, properties BLOB, chat_identifier TEXT, service_name TEXT, room_name TEXT, account_login TEXT, is_archived INTEGER DEFAULT 0, last_addressed_handle TEXT, display_name TEXT, group_id TEXT);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT, replace INTEGER DEFAULT 0, handle_id INTEGER DEFAULT 0, subject TEXT, attributedBody BLOB, version INTEGER DEFAULT 0, type INTEGER DEFAULT 0, service TEXT, account TEXT, error INTEGER DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER, is_from_me INTEGER DEFAULT 0, is_read INTEGER DEFAULT 0, cache_has_attachments INTEGER DEFAULT 0, is_audio_message INTEGER DEFAULT 0, item_type INTEGER DEFAULT 0, group_title TEXT, associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0);
CREATE TABLE chat_message_join (chat_id INTEGER REFERENCES chat (ROWID), message_id INTEGER REFERENCES message (ROWID), PRIMARY KEY (chat_id, message_id));
CREATE TABLE chat_handle_join (chat_id INTEGER REFERENCES chat (ROWID), handle_id INTEGER REFERENCES handle (ROWID), UNIQUE (chat_id, handle_id));
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, created_date INTEGER DEFAULT 0, start_date INTEGER DEFAULT 0, filename TEXT, uti TEXT, mime_type TEXT, transfer_state INTEGER DEFAULT 0, is_outgoing INTEGER DEFAULT 0, user_info BLOB, transfer_name TEXT, total_bytes INTEGER DEFAULT 0);
CREATE TABLE message_attachment_join (message_id INTEGER REFERENCES message (ROWID), attachment_id INTEGER REFERENCES attachment (ROWID), UNIQUE (message_id, attachment_id));
CREATE INDEX message_idx_associated_message ON message (associated_message_guid);
INSERT INTO handle VALUES (1, '+491700000001', 'de', 'iMessage', NULL), (2, 'nurse@example.org', NULL, 'iMessage', NULL);
INSERT INTO chat (ROWID, guid, style, chat_identifier, service_name, account_login, display_name) VALUES
  (1, 'iMessage;-;+491700000001', 45, '+491700000001', 'iMessage', 'E:romeo@montague.example', ''),
  (2, 'iMessage;+;chat42', 43, 'chat42', 'iMessage', 'E:romeo@montague.example', 'Verona');
INSERT INTO chat_handle_join VALUES (1, 1), (2, 1), (2, 2);
INSERT INTO message (ROWID, guid, text, attributedBody, handle_id, date, is_from_me, associated_message_guid, associated_message_type, item_type) VALUES
  (1, 'G1', 'Wherefore art thou?', NULL, 1, 785570400123456789, 0, NULL, 0, 0),
  (2, 'G2', NULL, x'040b73747265616d747970656481e803840140848484124e5341747472696275746564537472696e67008484084e534f626a656374008592848484084e53537472696e67019484012b044865726586', 0, 785570410, 1, NULL, 0, 0),
  (3, 'G3', NULL, NULL, 0, 785570420000000000, 1, 'p:0/G1', 2000, 0), (4, 'G4', NULL, NULL, 1, 785570430000000000, 0, 'bp:G2', 2001, 0),
  (5, 'G5', NULL, NULL, 1, 785570440000000000, 0, 'bp:G2', 3001, 0), (6, 'G6', '￼', NULL, 2, 785570450000000000, 0, NULL, 0, 0);
INSERT INTO chat_message_join VALUES (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (2, 6);
INSERT INTO attachment (ROWID, guid, filename, uti, mime_type, transfer_name, total_bytes) VALUES
  (1, 'A1', '~/Library/Messages/Attachments/ab/11/A1/rose.jpg', 'public.jpeg', 'image/jpeg', 'rose.jpg', 4);
INSERT INTO message_attachment_join VALUES (6, 1);
-- OLD: a database of macOS 10.12 ends here
ALTER TABLE message ADD COLUMN thread_originator_guid TEXT;
ALTER TABLE message ADD COLUMN reply_to_guid TEXT;
ALTER TABLE message ADD COLUMN date_retracted INTEGER;
ALTER TABLE message ADD COLUMN date_edited INTEGER;
ALTER TABLE message ADD COLUMN associated_message_emoji TEXT;
ALTER TABLE attachment ADD COLUMN is_sticker INTEGER DEFAULT 0;
INSERT INTO message (ROWID, guid, text, handle_id, date, is_from_me, thread_originator_guid, date_edited, date_retracted, associated_message_guid, associated_message_type, associated_message_emoji) VALUES
  (7, 'G7', 'Where, now?', 1, 785570460000000000, 0, 'G2', 785570465000000000, NULL, NULL, 0, NULL), (8, 'G8', NULL, 0, 785570470000000000, 1, NULL, NULL, 785570475000000000, NULL, 0, NULL),
  (9, 'G9', NULL, 0, 785570480000000000, 1, NULL, NULL, NULL, 'p:0/G7', 2006, '🌹');
INSERT INTO chat_message_join VALUES (1, 7), (1, 8), (1, 9);
