"""A comparison in one call: texts, labels and embeddings in, the leaderboard, the decision and the report out.

It needs no project folder: in a notebook or a script, `compare` makes the same measurements as a run of the pipeline.
"""
