"""The Airflow side: only Airflow loads it, and it starts the rooms as processes, never by import."""
