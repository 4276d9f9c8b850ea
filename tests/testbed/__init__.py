"""Real services for tests, each a plain process on loopback that ends with the tests.

Owns: finding, starting and ending them, and the faults that a test can ask of them. Refuses: containers, fixed ports,
and leaving anything behind. `docs/testing-services.md` says how to write a test against them.
"""
