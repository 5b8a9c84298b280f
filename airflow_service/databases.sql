-- Beside the serving database, which the image makes itself.
CREATE DATABASE mlflow;
CREATE DATABASE airflow;
REVOKE CONNECT ON DATABASE mlflow, airflow FROM PUBLIC;
