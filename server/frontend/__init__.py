"""The front end: one address for a search service that is spread over shards and replicas.

Rules: `replicas` and the functions of `search` are pure; `fanout`, `leaf_connections`, `discovery`
and `frontend_app` act. No request fails while each shard has one replica that answers.
"""
