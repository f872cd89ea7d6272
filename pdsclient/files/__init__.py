"""Work with files that takes more than one operation: what ``AsyncPDSClient`` offers beyond calls.

``changes``: many files copied, moved, renamed, starred, thrown away. ``contents``: small files
whole. ``folders``: paths of folders. ``lookups``: where a file is, whether names are free.
"""
