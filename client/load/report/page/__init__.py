"""The report as one HTML file for people: it opens with the verdict, and the numbers of each chart are below it.

Law: the page needs no other file and no network; its policy allows its own script and style only. Everything from
outside is escaped. A percentile with too few samples is a dash that says why. `page.py` puts a page together from
`results.py`, `details.py` and `charts.py`; `charts.js` draws the charts with uPlot from the tables below them.
"""
