"""The platform's own endpoints: what is, what happens, what there is room for, and faults on purpose."""
