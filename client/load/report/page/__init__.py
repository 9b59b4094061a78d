"""The report as one page for people: it opens with the verdict, and its every chart has its numbers beside it.

Law: one file that needs nothing else, no script and no network; everything that is not ours is escaped; a figure that
too few samples stand behind is a dash that says so. `page.py` puts the sections together, a file each; `chart.py`,
`axes.py` and `table.py` are what they draw with.
"""
