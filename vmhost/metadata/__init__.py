"""The instance metadata service: what a guest can ask about itself (EC2's IMDS, versions 1 and 2).

Law: the listening socket says who asks; nothing in a request can make an instance see another's data.
"""
