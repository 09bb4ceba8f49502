"""ROS 2's visualization_msgs: see nmap_reloc.standalone.messages."""
