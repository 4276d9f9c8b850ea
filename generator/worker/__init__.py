"""The service's work in the background: commits what is accepted, follows git and the clusters, settles, projects.

Owns: who does it where several could (leases), the loops, what a rollout means for the ledger and for the platform's
rows. Refuses: applying (`reconciler`), judging a rollout (`rollout`), and the rules of a redeployment (`service`).
"""
