"""The EC2 actions: one file per family; `registry` lists them all.

To add an action, write its check and its act in the family's file and add an `Action` to the file's ACTIONS. Add a new
family to `registry`. Forms, XML, DryRun, errors and signatures are handled elsewhere.
"""
