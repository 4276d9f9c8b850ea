"""The HTTP face: the platform's routes as its page knows them, and revstamp's own.

Owns: paths, shapes, identity, limits, what a refusal looks like. Refuses: rules of its own; each route calls one use
case of `service`, or reads what the worker and the reader have written. No route asks a cluster.
"""
