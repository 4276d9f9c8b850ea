"""Git, and nothing but git: trees, commits, refs, pushes, and a person's clone.

Owns: reading and writing objects straight in a git directory, the one broker through which every commit goes, the
words that remotes use, crash-safe work in a local clone. Refuses: what the files mean. Endpoints, stamps, YAML and
rendering are unknown here; whoever commits hands in a function that turns a snapshot into changed files.
"""
