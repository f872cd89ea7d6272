"""The typed operations, one module for each first path segment; loaded on first use."""
