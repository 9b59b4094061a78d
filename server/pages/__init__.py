"""The search page, its results, a document and an error page: pure functions from answers to HTML.

Rules: only `asset` does I/O, and reads its own files once; all text goes through `html_template.fill`, which escapes
it; pages need no script and load nothing from other sites.
"""
