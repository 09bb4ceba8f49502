"""ROS 2's std_msgs: see nmap_reloc.standalone.messages."""
