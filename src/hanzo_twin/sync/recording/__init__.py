"""Recorded logs, CSV or Parquet: checked, and read in a stream or as arrays."""

from hanzo_twin.sync.recording.log import RecordedLog, read_recording_columns

__all__ = ["RecordedLog", "read_recording_columns"]
