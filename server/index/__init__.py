"""The search index: its folder, and one shard of it that can be built, opened and searched.

Rules: only `shard_index` imports the search library; `passages` is pure. `server.corpus` writes an index, `server.leaf`
reads it.
"""
