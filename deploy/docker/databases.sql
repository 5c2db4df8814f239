-- Beside staging, which the image makes itself.
CREATE DATABASE production;
CREATE DATABASE dagster;
-- Dagster commits a thousand times a run; of its log the last moment may be lost with the machine.
ALTER DATABASE dagster SET synchronous_commit = off;
