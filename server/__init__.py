"""The tenant: a sharded web search service. It uses the platform only through the EC2 API and the metadata service.

Rules: clients may import `api`; `leaf` runs inside instances, `frontend` in front of them; `corpus` makes the documents
that they search, `index` stores and finds them. Nothing here imports the client, or any part of the platform except
`vmhost.api` and `vmhost.base`.
"""
