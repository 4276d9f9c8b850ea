"""From a resolved endpoint to the bytes that are committed.

Owns: templates and what they see, canonical YAML, the check against shipped schemas, stamps, and the semantic
difference between two renderings. Refuses: clocks, randomness, networks, git, clusters. Same input, same bytes.
"""
