"""A private Airflow on this machine: started, watched and stopped without leaving a process behind."""
