"""The platform's own endpoints: what is, what happens, and faults on purpose. JSON and server-sent events."""
