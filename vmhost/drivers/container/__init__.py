"""The container driver: an instance is a container of the local Docker engine, with every limit on it.

The law here: only objects that carry our labels are touched; a guest gets its rules before it gets a network, at
every boot; `engine` alone knows docker's SDK; `settings`, `firewall`, `addresses` and `reading` are pure.
"""
