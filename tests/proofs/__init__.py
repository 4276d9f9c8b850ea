"""Proofs on a real API server that the product keeps what it promises: short ones for every run, long ones for soak."""
