"""The journal: every fact, intent and thought, on disk before anything leaves; and the locks that keep a second writer out.

Knows SQLite and files, and what a failing disk can still be trusted with; decides nothing about what it stores.
Begin at `journal.Journal`, the one writer; `reader` opens a journal for questions, `reports` and `export` answer them.
"""
