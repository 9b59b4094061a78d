"""The doctor: what this computer has and lacks, each finding with the command that fixes it.

Law: `findings` is pure; `computer_probe` looks at the computer and changes nothing. What drivers need, they check
themselves (`vmhost.api.drivers.diagnose`).
"""
