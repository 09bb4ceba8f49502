"""Messages of unique_identifier_msgs, made on first use."""

from nmap_reloc.standalone.messages import package_types

__getattr__, __dir__ = package_types("unique_identifier_msgs", "msg")
