"""Faults made on purpose, in the dry run's own cell, and what the stack makes of each: the fault suite."""
