"""rclpy.impl: what the real rclpy keeps beside its compiled part."""
