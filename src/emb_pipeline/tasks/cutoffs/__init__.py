"""Answer or refuse: best scores of requests that a task's embeddings can answer, and of such that they cannot."""
