"""What people see in a browser: endpoints, one endpoint, a redeployment under way, the forms before one.

Owns: views (values that templates print), words in both languages, forms. Refuses: rules, plans and verdicts: all of it
is asked of `service`, or read from what the worker and the status reader have written. Only the look at drift asks a
cluster, when a person asks for it.
"""
