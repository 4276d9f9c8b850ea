"""A cluster out of plain processes on loopback: API server, controllers, scheduler, a fake kubelet, KServe.

Owns: starting it, sharing it between test processes, and ending it when the last of them is gone. Refuses: containers;
no image is pulled and no model runs, a pod's fate is what its annotation or image says.
"""
