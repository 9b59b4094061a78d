"""The EC2 actions: one file per family; `vmhost.ec2.ec2_service` lists them all.

To add an action, write its check and its act in the family's file and add an `Action` to the file's ACTIONS; `describe`
makes one that lists resources. Forms, XML, DryRun, errors and signatures are handled elsewhere.
"""
