"""Control in front of the motors: poses, kinematics, limits, the gate, impedance. Knows nothing of learning."""
