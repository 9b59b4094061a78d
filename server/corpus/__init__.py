"""What can be found: the documentation of the running Python and our lessons, or any folder of texts; and its index.

Law: the same sources give the same documents, the same queries and the same totals. `python`, `builtin`, `topics`,
`markup` and `queries` turn what they are given into documents or queries and write nothing; `build` alone writes.
"""
