"""From single estimates to a pose that can be trusted over time."""

from nmap_reloc.tracking.frame import Step, locate
from nmap_reloc.tracking.options import TrackerOptions
from nmap_reloc.tracking.tracker import State, Tracker, Verdict

__all__ = ["State", "Step", "Tracker", "TrackerOptions", "Verdict", "locate"]
