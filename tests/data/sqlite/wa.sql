-- SPDX-License-Identifier: BSD-2-Clause
CREATE TABLE wa_contacts (_id INTEGER PRIMARY KEY AUTOINCREMENT, jid TEXT NOT NULL, is_whatsapp_user BOOLEAN NOT NULL, status TEXT, status_timestamp INTEGER, number TEXT, raw_contact_id INTEGER, display_name TEXT, phone_type INTEGER, phone_label TEXT, unseen_msg_count INTEGER, photo_ts INTEGER, thumb_ts INTEGER, photo_id_timestamp INTEGER, given_name TEXT, family_name TEXT, wa_name TEXT, sort_name TEXT, nickname TEXT, company TEXT, title TEXT);
INSERT INTO wa_contacts (jid, is_whatsapp_user, number, display_name, given_name, family_name, wa_name, company) VALUES
  ('491700000001@s.whatsapp.net', 1, '+49 170 0000001', 'Juliet Capulet', 'Juliet', 'Capulet', 'jules', NULL),
  ('491700000002@s.whatsapp.net', 1, NULL, NULL, NULL, NULL, 'Nurse', NULL),
  ('491700000003@s.whatsapp.net', 0, '+491700000003', 'Friar; Laurence, OFM', 'Friar', NULL, NULL, 'Abbey, Verona'),
-- The same number in two address books: the row with a name counts.
  ('491700000003@s.whatsapp.net', 0, '+491700000003', NULL, NULL, NULL, NULL, NULL),
  ('491700000004@s.whatsapp.net', 1, '', '', NULL, NULL, NULL, NULL),
  ('77777777777777@lid', 1, NULL, NULL, NULL, NULL, 'Роза 🌹', NULL),
-- Groups and lists are chats, not people.
  ('491700000001-1400000000@g.us', 0, NULL, 'Verona', NULL, NULL, NULL, NULL),
  ('status@broadcast', 0, NULL, NULL, NULL, NULL, NULL, NULL),
  ('120363000000000000@newsletter', 0, NULL, 'The Prince', NULL, NULL, NULL, NULL);
