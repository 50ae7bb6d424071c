-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE account (pk INTEGER NOT NULL, jid TEXT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE remote (pk INTEGER NOT NULL, jid TEXT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE encryption (pk INTEGER NOT NULL, protocol INTEGER NOT NULL, "key" TEXT NOT NULL, trust INTEGER NOT NULL, PRIMARY KEY (pk));
CREATE TABLE thread (pk INTEGER NOT NULL, fk_account_pk INTEGER NOT NULL, fk_remote_pk INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE occupant (pk INTEGER NOT NULL, fk_account_pk INTEGER NOT NULL, fk_remote_pk INTEGER NOT NULL, id TEXT NOT NULL, fk_real_remote_pk TEXT, nickname TEXT, avatar_sha TEXT, updated_at FLOAT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE moderation (pk INTEGER NOT NULL, fk_account_pk INTEGER NOT NULL, fk_remote_pk INTEGER NOT NULL, fk_occupant_pk INTEGER, stanza_id TEXT NOT NULL, "by" TEXT, reason TEXT, timestamp FLOAT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE reaction (pk INTEGER NOT NULL, fk_account_pk INTEGER NOT NULL, fk_remote_pk INTEGER NOT NULL, fk_occupant_pk INTEGER, id TEXT NOT NULL, direction INTEGER NOT NULL, emojis TEXT NOT NULL, timestamp FLOAT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE message (pk INTEGER NOT NULL, fk_account_pk INTEGER NOT NULL, fk_remote_pk INTEGER NOT NULL, resource TEXT, type INTEGER NOT NULL, direction INTEGER NOT NULL, timestamp FLOAT NOT NULL, state INTEGER NOT NULL, id TEXT, stanza_id TEXT, text TEXT, markup_type INTEGER, markup TEXT, user_delay_ts FLOAT, fk_thread_pk INTEGER, fk_occupant_pk INTEGER, fk_encryption_pk INTEGER, fk_security_label_pk INTEGER, correction_id TEXT, PRIMARY KEY (pk));
CREATE TABLE oob (pk INTEGER NOT NULL, fk_message_pk INTEGER NOT NULL, url TEXT NOT NULL, description TEXT, PRIMARY KEY (pk));
CREATE TABLE reply (fk_message_pk INTEGER NOT NULL, id TEXT NOT NULL, "to" TEXT, PRIMARY KEY (fk_message_pk));
CREATE TABLE filetransfer (pk INTEGER NOT NULL, fk_message_pk INTEGER NOT NULL, date FLOAT, "desc" TEXT, hash TEXT, hash_algo TEXT, height INTEGER, length INTEGER, media_type TEXT, name TEXT, size INTEGER, width INTEGER, state INTEGER, path TEXT, PRIMARY KEY (pk));
CREATE TABLE ft_source (pk INTEGER NOT NULL, fk_filetransfer_pk INTEGER NOT NULL, type TEXT NOT NULL, PRIMARY KEY (pk));
CREATE TABLE ft_source_urldata (fk_ft_source_pk INTEGER NOT NULL, target TEXT NOT NULL, scheme_data TEXT, PRIMARY KEY (fk_ft_source_pk));
PRAGMA user_version=11;
INSERT INTO account VALUES (1, 'romeo@montague.example');
INSERT INTO remote VALUES (1, 'juliet@capulet.example'), (2, 'verona@chat.example'), (3, 'nurse@capulet.example');
INSERT INTO occupant VALUES (1, 1, 2, 'occ-1', '3', 'nurse', NULL, 1763877600.0), (2, 1, 2, 'occ-2', NULL, 'friar', NULL, 1763877600.0);
INSERT INTO thread VALUES (1, 1, 1, 'T1');
INSERT INTO encryption VALUES (1, 1, 'K', 3);
INSERT INTO message (pk, fk_account_pk, fk_remote_pk, resource, type, direction, timestamp, state, id, stanza_id, text, fk_thread_pk, fk_occupant_pk, fk_encryption_pk, correction_id) VALUES
  (1, 1, 1, 'balcony', 1, 1, 1763877600.25, 2, 'i1', 'x1', 'Wherefore art thou?', 1, NULL, 1, NULL),
  (2, 1, 1, NULL, 1, 2, 1763877610.0, 2, 'i2', NULL, 'Her', NULL, NULL, NULL, NULL),
  (3, 1, 1, NULL, 1, 2, 1763877620.0, 2, 'i3', NULL, 'Here', NULL, NULL, NULL, 'i2'),
  (4, 1, 2, 'nurse', 2, 1, 1763877630.0, 2, 'i4', 'x4', 'Madam!', NULL, 1, NULL, NULL),
  (5, 1, 2, 'friar', 2, 1, 1763877640.0, 2, NULL, 'x5', 'https://files.example/rose.jpg', NULL, 2, NULL, NULL);
INSERT INTO reply VALUES (2, 'i1', 'juliet@capulet.example'), (5, 'x4', 'verona@chat.example/nurse');
INSERT INTO oob VALUES (1, 5, 'https://files.example/rose.jpg', 'a rose');
INSERT INTO filetransfer (pk, fk_message_pk, name, media_type, size, width, height, state) VALUES (1, 4, 'p.png', 'image/png', 9, 2, 3, 1);
INSERT INTO ft_source VALUES (1, 1, 'urldata');
INSERT INTO ft_source_urldata VALUES (1, 'https://files.example/p.png', NULL);
INSERT INTO reaction VALUES (1, 1, 1, NULL, 'i1', 2, '❤;👍', 1763877700.0), (2, 1, 2, 2, 'x4', 1, '👍', 1763877701.0);
INSERT INTO moderation VALUES (1, 1, 2, NULL, 'x5', 'verona@chat.example', 'spam', 1763877750.0);
