"""ROS 2's builtin_interfaces: see nmap_reloc.standalone.messages."""
