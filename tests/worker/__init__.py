"""The service with a ledger, its worker and its status reader, from requests to settled rows."""
