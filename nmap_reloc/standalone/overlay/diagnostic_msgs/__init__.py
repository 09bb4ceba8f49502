"""ROS 2's diagnostic_msgs: see nmap_reloc.standalone.messages."""
