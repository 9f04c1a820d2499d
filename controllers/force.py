"""The contact force on the tool: beyond one threshold it is said, beyond the other the arm stops."""

import numpy as np


class ForceMonitor:
    """Told the force at every period. Written as "not inside": a force that is no number stops the arm."""

    def __init__(self, contact_n: float, stop_n: float) -> None:
        """Raises ValueError unless 0 < contact < stop, both finite."""
        if not 0.0 < contact_n < stop_n < np.inf:
            raise ValueError(
                f"contact flag at {contact_n} N and stop at {stop_n} N: allowed 0 < contact < stop, both finite; "
                "set the stop above the force that the task needs"
            )
        self._contact_n, self._stop_n = contact_n, stop_n
        self._touched = False

    def fault(self, force_n: float) -> str:
        """Why the arm must stop at this force; empty while it need not. A contact is remembered."""
        if not force_n <= self._contact_n:
            self._touched = True
        if not force_n <= self._stop_n:
            return f"contact force {force_n:.1f} N, at most {self._stop_n:g} N"
        return ""

    def touched(self) -> bool:
        """Whether there has been a contact since the last question."""
        touched, self._touched = self._touched, False
        return touched
