"""A double of pycuda's driver interface for machines without a GPU."""
