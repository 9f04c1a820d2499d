"""What the verbs do, one module for each kind of job."""
