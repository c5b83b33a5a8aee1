"""The experiment of a use case: what a user writes, which cells follow from it, what is refused, and the model of a run.

conf/<use case>/globals.yml     grid: corpora × methods × dimensions, baselines, controls, tasks
conf/<use case>/parameters*.yml methods: hyper-parameters        ──►  embeddings.<origin>.<method>_<dim>  (one embedding)
"""
