"""What a run shall do, as frozen words, complete and checked before anything is sent.

Law: pure. `words.py` says what a plan is; `check.py` refuses one that makes no sense; `file.py` reads one from TOML,
`form.py` from a form's fields; `sources.py` fills the words of a URL. Nothing here opens a connection or looks at a
clock.
"""
