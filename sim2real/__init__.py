"""From simulation to the robot and back: identification, randomisation, calibration, faults."""
