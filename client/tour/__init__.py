"""Experiments on a cloud that is up: what is seen of it, a kill, a hog, and the tour that does them in order.

Law: whatever judges or folds is pure; only `session`, `experiments`, `kill`, `hog`,
`measuring`, `leftovers` and `run` touch the world.
"""
