"""The ledger: who asked for what, what came of it, and the platform's rows as a projection of git.

Owns: tables and their migrations, the states of a redeployment and what may follow what, the lock on an endpoint,
events, leases, the audit, and what the platform's rows say. Refuses: git, clusters, rendering, and deciding what a
redeployment should do (`service`).
"""
