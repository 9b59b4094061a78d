"""The tenant: a sharded web search service. It meets the platform only through the EC2 API and the metadata service.

Law: `api` is what clients may import; `leaf` runs inside instances; `frontend` in front of them; `corpus` is what
they search. Nothing here imports the client, nor any room of the platform but `vmhost.api` and `vmhost.base`.
"""
