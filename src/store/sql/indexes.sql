-- Built once, after the last row. Few, because each costs as much as half a row: connections are
-- found by their id, translations from either of their connections, path steps from a connection.
CREATE INDEX IF NOT EXISTS translation_inside ON translation (inside_connection_id);
CREATE INDEX IF NOT EXISTS translation_outside ON translation (outside_connection_id);
CREATE INDEX IF NOT EXISTS path_step_connection ON path_step (connection_id);
CREATE INDEX IF NOT EXISTS path_step_translation ON path_step (translation_id);
CREATE INDEX IF NOT EXISTS invalid_connection ON invalid (connection_id);
CREATE INDEX IF NOT EXISTS encapsulation_connection ON encapsulation (connection_id);
CREATE INDEX IF NOT EXISTS candidate_connection ON candidate (connection_id);
CREATE INDEX IF NOT EXISTS packet_fate_translation ON packet_fate (translation_id);
CREATE INDEX IF NOT EXISTS packet_link_frame ON packet_link (file_id, frame);
CREATE INDEX IF NOT EXISTS packet_link_other ON packet_link (other_file_id, other_frame);
