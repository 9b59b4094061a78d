"""The words of the platform as frozen values, and the pure decisions over them. No I/O, no clock, no randomness."""
