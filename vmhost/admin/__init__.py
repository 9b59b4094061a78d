"""The platform's own endpoints: state, events, instance types and faults."""
