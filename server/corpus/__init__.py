"""The corpus: the documentation of the running Python and the lessons, or any folder of texts.

Rules: the same sources give the same documents, queries and totals. Only `build_index` writes; the other modules turn
sources into documents, and documents into queries.
"""
