"""The platform: hosts, drivers and instances behind the EC2 API. It does not depend on the services that it runs.

Rules: `base` imports nothing of ours; `model` is pure; `api` is what other programs may import; `control` decides;
`drivers` make instances; `ec2` and `admin` are the APIs, served by `http_api`; `app` creates and connects the parts.
"""
