"""ROS 2's tf2_msgs: see nmap_reloc.standalone.messages."""
