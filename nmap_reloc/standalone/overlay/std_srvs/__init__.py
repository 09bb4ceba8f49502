"""ROS 2's std_srvs: see nmap_reloc.standalone.messages."""
