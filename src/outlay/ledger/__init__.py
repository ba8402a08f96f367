"""Where calls are kept: a spool that each process appends to, and the SQLite ledger that the spools run into."""
