"""The demo's screen and the plain output: events folded into a view state, drawn as lines of text.

Rule: `view_state`, `demo_screen` and `screen_texts` are pure; the other modules do input and output.
"""
