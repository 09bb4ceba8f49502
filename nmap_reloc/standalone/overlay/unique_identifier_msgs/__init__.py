"""ROS 2's unique_identifier_msgs: see nmap_reloc.standalone.messages."""
