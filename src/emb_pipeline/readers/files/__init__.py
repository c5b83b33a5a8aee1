"""Files that a source names: found, unpacked, decoded."""
