"""All that knows Airflow and is not a DAG: schedules, policies, assets, partitions, notifications, links in pages."""
