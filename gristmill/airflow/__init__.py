"""The Airflow side: timetable, operators and plugin. Only Airflow loads it; it starts the rooms as processes."""
