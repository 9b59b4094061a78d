"""The EC2 Query API over HTTP: forms in, XML out. Dicts end here: actions turn them into the words of the model.

Nothing in here decides what happens to an instance; that is `vmhost.control`. Only `service_model` imports botocore.
"""
