"""ROS 2's Python packages by name: a folder for sys.path, not a package to import from."""
