"""ROS 2's sensor_msgs: see nmap_reloc.standalone.messages."""
