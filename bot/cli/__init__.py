"""The `hedgelock` command: its verbs, their options, and what they print.

Knows settings, exit codes and which room carries a verb out; does not decide anything, and imports a room inside the verb that needs it.
Begin at `command`: the front door, and the list of all verbs.
"""
