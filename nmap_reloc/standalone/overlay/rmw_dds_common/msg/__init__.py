"""Messages of rmw_dds_common, made on first use."""

from nmap_reloc.standalone.messages import package_types

__getattr__, __dir__ = package_types("rmw_dds_common", "msg")
