"""OTLP: spans and metrics by OpenTelemetry's conventions, over HTTP or gRPC, as its own environment variables say."""
