"""The pytest plugin (work in progress in this very commit series)."""
