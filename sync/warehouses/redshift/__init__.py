"""Amazon Redshift as production: rows by COPY from S3, everything else by the base of `dbapi`."""
