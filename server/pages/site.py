"""The pages as the front end asks for them: from an answer's JSON and its trace."""

from __future__ import annotations

import json
from typing import Protocol

from server.api.results import Document, SearchAnswer
from server.api.timing import RequestTrace
from server.pages.assets import asset
from server.pages.pages import render_document, render_error, render_home, render_results
from vmhost.base.errors import CloudError


class Answer(Protocol):
    """What the front end knows of a request that went well."""

    @property
    def body(self) -> bytes:
        """The JSON of a search answer or a document."""

    @property
    def trace(self) -> RequestTrace:
        """The request's way."""


class SearchPages:
    """Makes each page as a whole HTML document."""

    def home(self) -> str:
        """The page with the box."""
        return render_home()

    def results(self, answer: Answer, page: int) -> str:
        """The hits, and how the answer came about. Raises ValueError for a body that is no search answer."""
        return render_results(SearchAnswer.from_json(json.loads(answer.body)), answer.trace, page)

    def document(self, answer: Answer) -> str:
        """One document. Raises ValueError for a body that is none."""
        return render_document(Document.from_json(json.loads(answer.body)), answer.trace)

    def problem(self, error: CloudError, query: str) -> str:
        """What went wrong, in plain words."""
        return render_error(error, query)

    def asset(self, name: str) -> tuple[bytes, str] | None:
        """A file that pages load, and its content type."""
        return asset(name)
