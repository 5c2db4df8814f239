-- What landing remembers, in the database that the rows went to, so that both commit together. Beside these,
-- `_landed_rows_<table>` keeps a keyed file's rows as they were landed last.

CREATE TABLE IF NOT EXISTS _landed_files (
    file VARCHAR(255) COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    content CHAR(64) NOT NULL COMMENT 'SHA-256 of the file',
    reader CHAR(64) NOT NULL COMMENT 'SHA-256 of the code and the declaration that read it',
    outcome TEXT NOT NULL COMMENT 'what came of it, as JSON',
    landed_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS _landed_lines (
    file VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
    line_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the line''s values',
    occurrence BIGINT NOT NULL COMMENT 'which of the lines with these values, from 1',
    PRIMARY KEY (file, line_hash, occurrence)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
