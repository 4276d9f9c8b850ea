"""What is to be served: DeploymentSpec, Endpoint, Environment, their resolution and their rules.

Owns: the file formats, the platform's rows and requests, where every value comes from, what is allowed.
Refuses: files, clocks, networks, environment variables, git and Kubernetes objects. Text goes in, values come out.
"""
