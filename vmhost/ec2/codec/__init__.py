"""Converts query forms to dicts and dicts to XML by the shapes of the service model. Pure.

Written by hand, because no library implements the server side of the EC2 protocol."""
