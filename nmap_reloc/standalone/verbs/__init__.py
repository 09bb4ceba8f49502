"""The everyday commands of ROS 2, over the real rclpy where there is one, else over ours."""

from nmap_reloc import standalone

standalone.enable()  # the modules of this package import rclpy
