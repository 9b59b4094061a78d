"""The front end: one address for a service that is spread over shards and replicas.

Its law: `latency`, `replicas`, `hedging` and `merge` decide and touch nothing outside; `link`, `exchange`, `fanout`,
`discovery` and `app` act. No request is lost while each shard has one replica that answers.
"""
