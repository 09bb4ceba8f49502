"""ROS 2's rcl_interfaces: see nmap_reloc.standalone.messages."""
