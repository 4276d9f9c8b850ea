"""The reconciler's parts, without a cluster."""
