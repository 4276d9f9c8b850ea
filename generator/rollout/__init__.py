"""From live objects to the truth about a rollout.

Owns: phases, progress, deadlines, the failure taxonomy, verdicts. Refuses: clocks (the moment is handed in), networks,
clusters, git and databases. Same objects, same moment, same memory, same answer.
"""
