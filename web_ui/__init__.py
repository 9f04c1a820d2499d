"""The operator's page: HTTP and WebSocket in front of the operator port, and nothing else."""
