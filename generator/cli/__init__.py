"""The command line: one file per command, people's text by default, `--output json` everywhere.

Owns: options, what is printed, exit codes. Refuses: rules of its own; a command calls one use case of `service`.
Diagnostics go to standard error. Imports of libraries stay inside the functions that need them, so that it starts fast.
"""
