"""One small file per family of actions; `table` lists them all.

To add an action: write its check and its act in the family's file, put an `Action` in that file's ACTIONS, and if it
is a new family, name the file in `table`. The form, the XML, DryRun, errors and signatures are done for it.
"""
