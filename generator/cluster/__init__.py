"""One Kubernetes cluster: what is applied to it, pruned from it, and watched in it.

Owns: the cluster port and its adapters (the Kubernetes API, the simulated cluster), server-side apply, ownership of
fields, pruning, adoption. Refuses: git, where manifests come from, and what a rollout's state means (`rollout`).
"""
