"""What every terminal screen and every line of output is made of: styled text, numbers, and the terminal itself.

Law: `text` and `numbers` are pure; `tty` reads keys and draws. Nothing here knows of clouds or loads.
"""
