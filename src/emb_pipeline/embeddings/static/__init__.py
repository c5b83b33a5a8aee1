"""Word vectors: trained here, read from files, repaired, pooled."""
