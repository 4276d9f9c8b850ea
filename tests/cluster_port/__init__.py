"""The cluster port without a cluster: places, kubeconfigs, refusals, ownership, leases."""
