"""The platform: hosts, hypervisors (drivers) and instances behind the EC2 API. It knows nothing of its tenants.

Law: `base` stands on nothing of ours; `model` is pure; `api` is what tenants and people may import; `control`
decides and drives; `drivers` make real machines; `ec2` and `admin` are the doors; `app` ties them together.
"""
