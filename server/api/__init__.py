"""What others may know of the search service: its answers' shapes. Pure: no server, no search library, no I/O."""
