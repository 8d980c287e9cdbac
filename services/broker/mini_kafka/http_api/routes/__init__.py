"""The routes, a file per vocabulary: ordinary FastAPI functions that call the engine and nothing else."""
