"""The container driver: each guest is a container of the local Docker engine, with all its limits set.

Only objects with our labels are touched. At every boot, a guest gets its network rules before it gets a network. Only
`engine` imports Docker's SDK. `container_config`, `firewall`, `addresses` and `engine_responses` are pure.
"""
