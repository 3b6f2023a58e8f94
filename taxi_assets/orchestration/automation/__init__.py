"""Partitions, jobs, schedules, sensors, retention and alerts."""
