-- The bucket, without a key in any statement: DESC INTEGRATION shows the user and the external id that the
-- trust document of $aws_role has to name.
USE ROLE ACCOUNTADMIN;
CREATE STORAGE INTEGRATION IF NOT EXISTS $integration
    TYPE = EXTERNAL_STAGE
    STORAGE_PROVIDER = 'S3'
    ENABLED = TRUE
    STORAGE_AWS_ROLE_ARN = '$aws_role'
    STORAGE_ALLOWED_LOCATIONS = ('$bucket/');
GRANT USAGE ON INTEGRATION $integration TO ROLE $loader;
DESC INTEGRATION $integration;
USE ROLE $loader;
USE WAREHOUSE $warehouse;
CREATE SCHEMA IF NOT EXISTS $database.SALES;
USE SCHEMA $database.SALES;
CREATE FILE FORMAT IF NOT EXISTS SALES_CSV
    TYPE = CSV SKIP_HEADER = 1 FIELD_OPTIONALLY_ENCLOSED_BY = '"' ENCODING = '$encoding' NULL_IF = ('');
CREATE STAGE IF NOT EXISTS ARRIVALS
    URL = '$bucket/sales/' STORAGE_INTEGRATION = $integration FILE_FORMAT = (FORMAT_NAME = 'SALES_CSV');
