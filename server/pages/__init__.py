"""What people see: the search page, its results, a document, a problem; as pure functions from answers to HTML.

Law: nothing here does I/O but `assets`, which reads its own files once; all text goes through `markup.fill`, which
escapes it; pages need no script and load nothing from elsewhere.
"""

from server.pages.site import SearchPages

__all__ = ["SearchPages"]
