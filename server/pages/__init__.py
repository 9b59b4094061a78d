"""The search page, its results, a document and an error page: pure functions from answers to HTML.

Rules: only `assets` does I/O, and reads its own files once; all text goes through `markup.fill`, which escapes it;
pages need no script and load nothing from other sites.
"""

from server.pages.assets import asset
from server.pages.search_pages import render_document, render_error, render_home, render_results

__all__ = ["asset", "render_document", "render_error", "render_home", "render_results"]
