"""The history index: what released snapshots' keys are, how they are met, and how many segments become one."""
