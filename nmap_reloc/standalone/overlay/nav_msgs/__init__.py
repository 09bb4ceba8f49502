"""ROS 2's nav_msgs: see nmap_reloc.standalone.messages."""
