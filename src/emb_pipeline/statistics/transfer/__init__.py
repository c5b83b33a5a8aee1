"""Two tasks that learn from the same texts and are tested on texts of two domains: what a score loses on the way."""
