"""The control plane: what users want, what was observed, and the tasks that make the two agree. See `cloud.Cloud`.

One folder for each kind of resource: its record, the pure decisions about it, and the service with the requests that
users can make. Only an instance's reconciler and its requests change the instance's state; all others read the record.
"""
