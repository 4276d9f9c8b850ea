"""revstamp: redeploys language-model endpoints on Kubernetes without teardown."""

__version__ = "0.1.0"
