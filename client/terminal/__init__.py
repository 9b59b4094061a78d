"""What every terminal screen and every line of output is made of: plain text, styled text, and the terminal itself.

Law: `plain_text` and `styled_text` are pure; `tty` reads keys and draws. Nothing here knows of clouds or loads.
Processes that send requests may import `plain_text` only: the others need rich.
"""
