"""What an embedding that was chosen is handed over as."""
