"""The journal: every fact, intent and thought, on disk before anything leaves; and the locks that keep a second writer out.

Knows SQLite and files; gives no meaning to what it stores. A record is the name of its class, a time and its JSON.
Begin at `journal.Journal`; `locks.hold` keeps a second daemon out.
"""
