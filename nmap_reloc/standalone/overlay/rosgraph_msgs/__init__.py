"""ROS 2's rosgraph_msgs: see nmap_reloc.standalone.messages."""
