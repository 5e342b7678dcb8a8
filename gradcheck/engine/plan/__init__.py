"""Plans: functions traced once and replayed as straight-line code."""
