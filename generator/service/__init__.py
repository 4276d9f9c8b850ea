"""The use cases: plan, commit, redeploy, rollback, promote, scale, stop, delete, explain, verify.

Owns: how a change of one endpoint becomes files, and what is refused on the way. Refuses: formats and rules (`spec`),
bytes of manifests (`render`), git (`gitops`), and anything a person sees (`cli`).
"""
