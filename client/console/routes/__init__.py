"""What the page may ask the console for, a file a topic; each gives its routes to `app`.

Reading is for everyone who reaches us by our own name. Whatever changes something begins with `gate.must_act`.
"""
