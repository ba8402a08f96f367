"""Where a fleet's counters are kept: in memory, SQLite, Redis or PostgreSQL, by the same rules."""
