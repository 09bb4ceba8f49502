"""Which tiles a robot needs where it is and where it goes: pure policy, no ROS, no files."""

from nmap_reloc.maps.following.boxes import Boxes
from nmap_reloc.maps.following.follower import Follower, Lag, Plan
from nmap_reloc.maps.following.motion import Motion
from nmap_reloc.maps.following.options import FollowOptions

__all__ = ["Boxes", "FollowOptions", "Follower", "Lag", "Motion", "Plan"]
