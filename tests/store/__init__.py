"""The ledger's database, on SQLite and PostgreSQL alike."""
