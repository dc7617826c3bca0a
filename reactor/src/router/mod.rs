//! A radix tree over host, path and method, generic in its value.
