"""ROS 2's rmw_dds_common: see nmap_reloc.standalone.messages."""
