"""One shard's search, as a program that runs inside an instance.

Law: `index` alone knows the search library; `queue` decides who is served in time; `app` speaks HTTP. A leaf knows its
own shard only: it never talks to another leaf nor to the front end.
"""
