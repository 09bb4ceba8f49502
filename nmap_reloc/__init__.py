"""Visual relocalization against compressed neural maps."""

__version__ = "0.1.0"
