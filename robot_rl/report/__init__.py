"""What a run leaves behind: `report.json` for programs, `report.html` for people."""

from robot_rl.report.filmstrip import Filmstrip
from robot_rl.report.write import plain, write_report

__all__ = ["Filmstrip", "plain", "write_report"]
