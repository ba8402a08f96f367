"""MLflow: traces by its OTLP route, and run metrics by its REST API; the package mlflow itself is never imported.

It takes a second of CPU and 1,700 modules to import; the server's own routes take neither, and say what became of a
batch, which mlflow's exporter does not.
"""
