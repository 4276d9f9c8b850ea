"""Tests against the real Kubernetes of the testbed."""
