"""Messages of builtin_interfaces, made on first use."""

from nmap_reloc.standalone.messages import package_types

__getattr__, __dir__ = package_types("builtin_interfaces", "msg")
