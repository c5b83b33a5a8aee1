"""Parts that trainings share: the request, checkpoints, and an end when a training diverges."""
