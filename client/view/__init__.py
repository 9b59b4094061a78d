"""The live view: what is told of a cloud, folded into a state, drawn as lines of text; and the same as plain lines.

Law: `model`, `screen` and `words` are pure; `live` and `plain` touch the world.
"""
