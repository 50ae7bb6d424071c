-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE jid(_id INTEGER PRIMARY KEY AUTOINCREMENT,user TEXT NOT NULL,server TEXT NOT NULL,agent INTEGER,device INTEGER,type INTEGER,raw_string TEXT);
CREATE TABLE chat(_id INTEGER PRIMARY KEY AUTOINCREMENT,jid_row_id INTEGER UNIQUE,hidden INTEGER,subject TEXT,created_timestamp INTEGER,display_message_row_id INTEGER,last_message_row_id INTEGER,archived INTEGER,sort_timestamp INTEGER,group_type INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message(_id INTEGER PRIMARY KEY AUTOINCREMENT,chat_row_id INTEGER NOT NULL,from_me INTEGER NOT NULL,key_id TEXT NOT NULL,sender_jid_row_id INTEGER,status INTEGER,broadcast INTEGER,recipient_count INTEGER,participant_hash TEXT,origination_flags INTEGER,origin INTEGER,timestamp INTEGER,received_timestamp INTEGER,receipt_server_timestamp INTEGER,message_type INTEGER,text_data TEXT,starred INTEGER,lookup_tables INTEGER,message_add_on_flags INTEGER,sort_id INTEGER NOT NULL DEFAULT 0);
CREATE TABLE message_media(message_row_id INTEGER PRIMARY KEY,chat_row_id INTEGER,transferred INTEGER,message_url TEXT,media_caption TEXT,file_path TEXT,file_size INTEGER,media_key BLOB,width INTEGER,height INTEGER,direct_path TEXT,mime_type TEXT,file_length INTEGER,media_name TEXT,file_hash TEXT,media_duration INTEGER);
CREATE TABLE message_quoted(message_row_id INTEGER PRIMARY KEY AUTOINCREMENT,chat_row_id INTEGER NOT NULL,parent_message_chat_row_id INTEGER NOT NULL,from_me INTEGER NOT NULL,sender_jid_row_id INTEGER,key_id TEXT NOT NULL,timestamp INTEGER,message_type INTEGER,origin INTEGER,text_data TEXT,lookup_tables INTEGER);
CREATE TABLE message_revoked(message_row_id INTEGER PRIMARY KEY,revoked_key_id TEXT NOT NULL,admin_jid_row_id INTEGER,revoke_timestamp INTEGER);
CREATE TABLE message_edit_info(message_row_id INTEGER PRIMARY KEY,original_key_id TEXT NOT NULL,edited_timestamp INTEGER NOT NULL,sender_timestamp INTEGER NOT NULL);
CREATE TABLE message_vcard(_id INTEGER PRIMARY KEY AUTOINCREMENT,message_row_id INTEGER,vcard TEXT);
CREATE TABLE message_add_on(_id INTEGER PRIMARY KEY AUTOINCREMENT,chat_row_id INTEGER,from_me INTEGER,key_id TEXT NOT NULL,sender_jid_row_id INTEGER,parent_message_row_id INTEGER,timestamp INTEGER,status INTEGER,message_add_on_type INTEGER);
CREATE TABLE message_add_on_reaction(message_add_on_row_id INTEGER PRIMARY KEY,reaction TEXT,sender_timestamp INTEGER);
CREATE TABLE group_participant_user(_id INTEGER PRIMARY KEY AUTOINCREMENT,group_jid_row_id INTEGER NOT NULL,user_jid_row_id INTEGER NOT NULL,rank INTEGER,pending INTEGER,add_timestamp INTEGER,label TEXT);
CREATE VIEW message_view AS SELECT * FROM message;
INSERT INTO jid (_id, user, server, raw_string) VALUES (1, '491700000001', 's.whatsapp.net', '491700000001@s.whatsapp.net'),
  (2, '12036304', 'g.us', '12036304@g.us'), (3, '491700000002', 's.whatsapp.net', '491700000002@s.whatsapp.net');
INSERT INTO chat (_id, jid_row_id, subject, created_timestamp, sort_timestamp) VALUES (1, 1, NULL, NULL, 1763877650000),
  (2, 2, 'Verona', 1600000000000, 1763877660000);
INSERT INTO message (_id, chat_row_id, from_me, key_id, sender_jid_row_id, timestamp, message_type, text_data) VALUES
  (1, -1, 0, '-1', NULL, 0, -1, NULL), (2, 1, 0, 'K1', NULL, 1763877600123, 0, 'Wherefore art thou?'),
  (3, 1, 1, 'K2', NULL, 1763877610000, 0, 'Here'), (4, 1, 0, 'K3', NULL, 1763877620000, 1, NULL),
  (5, 2, 0, 'K4', 3, 1763877630000, 15, NULL), (6, 2, 0, 'K5', 3, 1763877640000, 4, 'Nurse'),
  (7, 2, 1, 'K6', NULL, 1763877650000, 7, NULL);
INSERT INTO message_media (message_row_id, media_caption, file_path, file_size, media_key, width, height, mime_type, media_duration)
  VALUES (4, 'a rose', 'Media/WhatsApp Images/IMG-1.jpg', 4, x'00', 40, 30, 'image/jpeg', 0);
INSERT INTO message_quoted (message_row_id, chat_row_id, parent_message_chat_row_id, from_me, key_id) VALUES (3, 1, 1, 0, 'K1');
INSERT INTO message_edit_info VALUES (3, 'K2', 1763877615000, 1763877615000);
INSERT INTO message_revoked VALUES (5, 'K4', NULL, 1763877635000);
INSERT INTO message_vcard (message_row_id, vcard) VALUES (6, 'BEGIN:VCARD');
INSERT INTO message_add_on (_id, chat_row_id, from_me, key_id, sender_jid_row_id, parent_message_row_id, timestamp) VALUES
  (1, 1, 1, 'R1', NULL, 2, 1763877601000), (2, 1, 0, 'R2', 1, 3, 1763877602000), (3, 1, 0, 'R3', 1, 3, 1763877603000);
INSERT INTO message_add_on_reaction VALUES (1, '❤', 1), (2, '👍', 1), (3, '', 1);
INSERT INTO group_participant_user (group_jid_row_id, user_jid_row_id, rank) VALUES (2, 3, 1);
