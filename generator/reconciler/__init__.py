"""Keeping clusters at what git says: one pass, and the loop that makes passes for ever.

Owns: which endpoints a commit changes, how many roll at once, what may be pruned, following the branch, leadership,
back-off, logs and metrics. Refuses: how one object is applied or pruned (`cluster`), what a rollout's state means
(`rollout`), and changing git.
"""
