"""The part of the search service that clients may import: its data and formats. It needs no search library."""
