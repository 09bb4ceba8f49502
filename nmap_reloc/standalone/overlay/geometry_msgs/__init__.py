"""ROS 2's geometry_msgs: see nmap_reloc.standalone.messages."""
