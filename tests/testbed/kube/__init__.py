"""A small client of the API server for tests: JSON over HTTPS, with nothing but the standard library and PyYAML.

Owns: connecting as a kubeconfig says, and verbs on objects as they are written in manifests. Refuses: types and caches.
"""
