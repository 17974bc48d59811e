"""A private Airflow for one profile: start, stop, talk to it, and drive the demo through it. Imports no Airflow."""
