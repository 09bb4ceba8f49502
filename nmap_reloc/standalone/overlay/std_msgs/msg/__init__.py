"""Messages of std_msgs, made on first use."""

from nmap_reloc.standalone.messages import package_types

__getattr__, __dir__ = package_types("std_msgs", "msg")
