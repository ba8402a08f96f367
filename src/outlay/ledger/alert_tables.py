"""The tables of alerts: what was raised, which of it goes where, and how far each channel has come."""

ALERTS = """
CREATE TABLE alerts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (project, key)
);
CREATE TABLE deliveries (
    alert INTEGER NOT NULL,
    channel TEXT NOT NULL,
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    PRIMARY KEY (alert, channel)
) WITHOUT ROWID;
CREATE INDEX deliveries_waiting ON deliveries (channel, due) WHERE state = 'waiting';
CREATE TABLE channels (
    channel TEXT NOT NULL,
    project TEXT NOT NULL,
    seq INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    PRIMARY KEY (channel, project)
) WITHOUT ROWID;
INSERT INTO cursors SELECT 'unpriced', coalesce(max(number), 0) FROM labels;
"""
"""The cursor begins at what the ledger knows: models that went unpriced before are no news."""
