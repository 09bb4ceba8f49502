"""ROS 2's action_msgs: see nmap_reloc.standalone.messages."""
