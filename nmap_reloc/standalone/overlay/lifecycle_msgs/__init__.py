"""ROS 2's lifecycle_msgs: see nmap_reloc.standalone.messages."""
